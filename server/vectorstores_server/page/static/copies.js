// Links that are also copied when they are chosen, to be sent to somebody.
import { tell } from "./requests.js";

export function wireCopies() {
  for (const link of document.querySelectorAll("[data-copies]")) {
    link.addEventListener("click", () => {
      navigator.clipboard?.writeText(link.href).then(
        () => tell("The link is copied."),
        () => tell("The link is in the address bar."),
      );
    });
  }
}
