(() => {
  "use strict";
  const form = document.querySelector(".filter");
  const list = document.getElementById("list");
  const rows = [...list.querySelectorAll(".row")];
  if (rows.length === 0) return;
  const find = document.getElementById("find");
  const result = document.getElementById("result");
  const sort = document.getElementById("sort");
  const shown = document.getElementById("shown");
  const words = new Map(rows.map((el) => [el, el.textContent.toLowerCase()]));
  const name = (el) => el.querySelector("b").textContent;
  const rule = (el) => el.querySelector(".q").textContent;
  const order = (a, b) => a.dataset.order - b.dataset.order;
  const sorts = {
    order,
    name: (a, b) => (name(a) < name(b) ? -1 : 1),
    requirement: (a, b) => (rule(a) === rule(b) ? order(a, b) : rule(a) < rule(b) ? -1 : 1),
    few: (a, b) => a.dataset.n - b.dataset.n || order(a, b),
    many: (a, b) => b.dataset.n - a.dataset.n || order(a, b),
  };
  function filter() {
    const text = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const el of rows) {
      const on = (!result.value || el.dataset.result === result.value) && text.every((word) => words.get(el).includes(word));
      el.hidden = !on;
      n += on;
    }
    shown.textContent = n + " of " + rows.length + " mutants";
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  sort.addEventListener("change", () => list.append(...rows.sort(sorts[sort.value])));
  filter();
})();
