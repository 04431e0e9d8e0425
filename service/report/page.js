for (const field of document.querySelectorAll("[data-filter]")) {
  field.closest(".filter").hidden = false;
  const within = document.getElementById(field.dataset.filter);
  const parts = [...within.querySelectorAll("tbody tr, li:has(> details), li.leaf")];
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const part of parts) {
      part.hidden = !part.textContent.toLowerCase().includes(wanted);
      const details = part.querySelector(":scope > details");
      if (details && wanted) details.open = !part.hidden;
    }
  });
}
