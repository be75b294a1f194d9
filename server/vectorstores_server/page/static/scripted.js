// Runs before the page is drawn, so that what needs scripts does not appear after the rest.
document.documentElement.classList.add("scripted");
