"""The look of a report. JupyterLab's own colours where it sets them, so that it follows the light
and the dark theme; the second value of each is for a page without them, as nbgrader's feedback.

A class that is named three times outranks what JupyterLab and Bootstrap say about tables."""

CSS = """
.tx-report {
  --tx-text: var(--jp-content-font-color1, #212121);
  --tx-soft: var(--jp-content-font-color2, #616161);
  --tx-edge: var(--jp-border-color2, #e0e0e0);
  --tx-paper: var(--jp-layout-color1, #ffffff);
  --tx-inset: var(--jp-layout-color2, #f5f5f5);
  --tx-mark: var(--jp-error-color1, #c62828);
  background: var(--tx-paper); color: var(--tx-text);
  border: 1px solid var(--tx-edge); border-left: 4px solid var(--tx-mark); border-radius: 3px;
  font-family: var(--jp-content-font-family, system-ui, sans-serif); font-size: 14px;
  line-height: 1.45; margin: 4px 0; max-width: 52em; padding: 8px 14px;
}
.tx-report.tx-passed { --tx-mark: var(--jp-success-color1, #2e7d32); }
.tx-report.tx-partly { --tx-mark: var(--jp-warn-color1, #ef6c00); }
.tx-report.tx-not-started { --tx-mark: var(--jp-border-color1, #9e9e9e); }
.tx-report.tx-report.tx-report p { margin: 6px 0; }
.tx-report.tx-report.tx-report .tx-head { display: flex; gap: 8px; align-items: baseline; }
.tx-report.tx-report.tx-report .tx-sign { color: var(--tx-mark); font-weight: bold; }
.tx-report.tx-report.tx-report .tx-points { margin-left: auto; white-space: nowrap; font-weight: 600; }
.tx-report.tx-report.tx-report ul {
  display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; margin: 6px 0; padding: 0;
}
.tx-report.tx-report.tx-report li { margin: 0; padding: 0; }
.tx-report.tx-report.tx-report li.tx-passed { color: var(--jp-success-color1, #2e7d32); }
.tx-report.tx-report.tx-report li.tx-wrong { color: var(--jp-error-color1, #c62828); font-weight: 600; }
.tx-report.tx-report.tx-report li.tx-not-run { color: var(--tx-soft); }
.tx-report.tx-report.tx-report code,
.tx-report.tx-report.tx-report pre {
  background: var(--tx-inset); color: var(--tx-text); border: 0; border-radius: 2px;
  font-family: var(--jp-code-font-family, ui-monospace, monospace); font-size: 13px;
}
.tx-report.tx-report.tx-report code { padding: 1px 4px; }
.tx-report.tx-report.tx-report pre {
  margin: 0; overflow-x: auto; padding: 6px 8px; white-space: pre-wrap; overflow-wrap: anywhere;
}
.tx-report.tx-report.tx-report table {
  border-collapse: collapse; margin: 6px 0; table-layout: fixed; width: 100%;
}
.tx-report.tx-report.tx-report thead,
.tx-report.tx-report.tx-report tr { background: transparent; border: 0; }
.tx-report.tx-report.tx-report th,
.tx-report.tx-report.tx-report td {
  background: transparent; border: 0; padding: 0 6px 0 0; text-align: left; vertical-align: top;
}
.tx-report.tx-report.tx-report th { color: var(--tx-soft); font-weight: 600; }
.tx-report.tx-report.tx-report .tx-likely { border-left: 3px solid var(--tx-mark); padding-left: 10px; }
.tx-report.tx-report.tx-report .tx-small { color: var(--tx-soft); font-size: 12px; }
.tx-report.tx-report.tx-report .tx-beside {
  display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 6px 0;
}
.tx-report.tx-report.tx-report .tx-grid { table-layout: auto; width: auto; margin: 0; }
.tx-report.tx-report.tx-report .tx-grid caption {
  caption-side: top; color: var(--tx-soft); font-weight: 600; padding: 0; text-align: left;
}
.tx-report.tx-report.tx-report .tx-grid td {
  background: var(--tx-inset); border: 2px solid var(--tx-paper); padding: 2px 8px;
  text-align: right;
  font-family: var(--jp-code-font-family, ui-monospace, monospace); font-size: 13px; white-space: nowrap;
}
.tx-report.tx-report.tx-report .tx-grid td.tx-off {
  outline: 1px dashed var(--tx-mark); outline-offset: -2px;
}
.tx-report.tx-report.tx-report .tx-grid td.tx-worst {
  outline: 2px solid var(--tx-mark); outline-offset: -2px; font-weight: 700;
}
.tx-report.tx-report.tx-report .tx-shapes { margin: 6px 0; }
.tx-report.tx-report.tx-report .tx-shapes > div { display: flex; flex-wrap: wrap; gap: 6px 36px; }
.tx-report.tx-report.tx-report .tx-shapes figcaption { margin-top: 2px; }
.tx-report.tx-report.tx-report .tx-shapes svg { display: block; margin-top: 4px; overflow: visible; }
.tx-report .tx-shapes svg rect { fill: var(--tx-inset); stroke: var(--tx-soft); }
.tx-report .tx-shapes svg rect.tx-frame { fill: none; stroke: var(--tx-text); }
.tx-report .tx-shapes svg text { fill: var(--tx-text); font-size: 12px; }
.tx-report.tx-report.tx-report .tx-again {
  margin: 2px 0 4px; padding: 3px 14px; font: inherit; cursor: pointer;
  background: var(--tx-inset); color: var(--tx-text); border: 1px solid var(--tx-soft); border-radius: 4px;
}
.tx-report.tx-report.tx-report .tx-again:focus-visible {
  outline: 2px solid var(--tx-text); outline-offset: 2px;
}
.tx-report.tx-report.tx-report .tx-again:disabled { cursor: progress; opacity: 0.6; }
.tx-report.tx-report.tx-report .tx-again[hidden] { display: none; }
"""
