// Check again: answers the buttons in the reports of `check`, which are plain HTML in cell outputs.
// It has no view of its own. As long as Python answers, its buttons are shown; a click asks for a new
// report, which takes the place of the old one.

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

  // Told when the kernel goes or comes back, but not which: then the buttons wait for an answer.
  function ping() {
    shown.disabled = true;
    try {
      model.send({ do: "ping" });
    } catch {
      // There is no kernel to send it to.
    }
  }

  // Nobody is told when the notebook is closed or its kernel shut down.
  function look() {
    const manager = model.widget_manager;
    const gone = manager && "kernel" in manager && (!manager.kernel || manager.kernel.isDisposed);
    if (gone) leave();
  }

  function answer(reply) {
    if (reply.alive) {
      shown.disabled = false;
      return;
    }
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
  model.on("comm_live_update", ping);
  const clock = setInterval(look, 500);

  function leave() {
    clearInterval(clock);
    document.removeEventListener("click", ask);
    model.off("msg:custom", answer);
    model.off("comm_live_update", ping);
    shown.remove();
    status.remove();
  }
  return leave;
}
export default { initialize };
