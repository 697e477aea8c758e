// Check again: answers the buttons in the reports of `check`, which are plain HTML in cell outputs.
// It has no view of its own. As long as the kernel lives, its buttons are shown; a click asks
// Python for a new report, which takes the place of the old one.

function initialize({ model }) {
  const uid = model.get("_uid");
  const mine = `.tx-again[data-for="${uid}"]`;
  const shown = html("style", {}, `.tx-report.tx-report.tx-report ${mine}[hidden] { display: inline-block }`);
  const status = html("div", { role: "status", style: "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)" });
  document.head.append(shown);
  document.body.append(status);
  const waiting = new Map();
  let count = 0;

  function ask(event) {
    const button = event.target.closest?.(mine);
    if (!button || button.disabled) return;
    button.disabled = true;
    button.textContent = "Checking…";
    waiting.set(++count, button);
    model.send({ do: "check", task: button.dataset.task, at: count });
  }

  function answer(reply) {
    const button = waiting.get(reply.at);
    waiting.delete(reply.at);
    if (!button) return;
    status.textContent = reply.says;
    const report = button.closest(".tx-report");
    const focused = document.activeElement === button || document.activeElement === document.body;
    if (!reply.html) {
      button.disabled = false;
      button.textContent = `Check again (${reply.says})`;
      return;
    }
    // The report escapes whatever came from the learner's code; its style stands in the page already.
    const fresh = html("template");
    fresh.innerHTML = reply.html;
    const next = fresh.content.querySelector(".tx-report");
    report.replaceWith(next);
    if (focused) next.querySelector(mine)?.focus();
  }

  document.addEventListener("click", ask);
  model.on("msg:custom", answer);
  return () => {
    document.removeEventListener("click", ask);
    model.off("msg:custom", answer);
    shown.remove();
    status.remove();
  };
}
export default { initialize };
