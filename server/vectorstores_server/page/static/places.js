// A long text is shown from where its passage is marked; the page around it stays where it is.

export function showPlaces() {
  for (const box of document.querySelectorAll("[data-place]")) {
    const mark = box.querySelector("mark");
    if (mark) box.scrollTop += mark.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
  }
}
