"use strict";
for (const table of document.querySelectorAll("table[data-sort]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const order = (a, b) => text(a).localeCompare(text(b), "en", { numeric: true });
      const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? order(b, a) : order(a, b)));
      table.tBodies[0].append(...rows);
    });
  });
}
for (const filter of document.querySelectorAll("[data-filter]")) {
  filter.hidden = false;
  const rows = [...document.getElementById(filter.dataset.filter).tBodies[0].rows];
  const word = filter.querySelector("input"), choice = filter.querySelector("select");
  const apply = () => {
    for (const row of rows) {
      const found = row.textContent.toLowerCase().includes(word.value.trim().toLowerCase());
      const chosen = !choice || !choice.value || row.dataset.state.split(" ").includes(choice.value);
      row.hidden = !(found && chosen);
    }
  };
  word.addEventListener("input", apply);
  if (choice) choice.addEventListener("input", apply);
}
