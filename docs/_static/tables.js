// A box above each long table: the rows that hold every word that was typed stay.
document.addEventListener("DOMContentLoaded", () => {
  const LONG = 12;
  for (const table of document.querySelectorAll("article table")) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    if (rows.length < LONG) continue;
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const box = document.createElement("div");
    box.className = "table-filter";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Filter: words or a code";
    input.setAttribute("aria-label", "Filter the rows of this table");
    const count = document.createElement("output");
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, at) => {
        const holds = words.every((word) => texts[at].includes(word));
        row.hidden = !holds;
        shown += holds;
      });
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    };
    input.addEventListener("input", filter);
    filter();
    box.append(input, count);
    const wrapper = table.closest(".table-wrapper") ?? table;
    wrapper.before(box);
  }
});
