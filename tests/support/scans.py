"""Pages of text as pictures: what a scanner leaves, in three languages, with the letters that are hard."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

PAGES = {
    "english": (
        "Minutes of the harbour committee\n\nThe committee met on 14 March at half past nine. Eleven members were "
        "present, and the chair noted that the quorum was reached. The first subject was the repair of the northern "
        "pier, whose piles had been damaged in the storms of January. The engineer reported that 23 of 180 piles need "
        "to be replaced, at a cost of 412,500 pounds, and that the work can begin once the herring season is over."
        "\n\nA member asked whether the ferry could go on landing there. The engineer answered that it could, if the "
        "speed was kept below four knots and no lorries of more than 7.5 tonnes were taken on board. It was agreed "
        "that signs are put up, and that the matter is looked at again in June."
    ),
    "english_letter": (
        "Dear Mrs Whitfield,\n\nThank you for your letter of 3 August. We have looked into the delay of your order "
        "(number 77-20419) and found that the parcel was sent to our depot in Leeds by mistake. It left there "
        "yesterday and should reach you by Thursday. We are sorry for the trouble; the postage of 6.95 will be paid "
        "back to your account within five working days.\n\nIf the kettle does not arrive, please ring us on the "
        'number below between 8 a.m. and 6 p.m. and ask for "Returns". You need not send anything back.\n\nYours '
        "sincerely,\n\nJ. Okafor, Customer Service"
    ),
    "german": (
        "Protokoll der Eigentümerversammlung\n\nDie Versammlung wurde um 19 Uhr eröffnet. Anwesend waren elf "
        "Eigentümer, die zusammen 7.430 Anteile vertreten; die Beschlussfähigkeit ist damit gegeben. Zunächst wurde "
        "über die Dämmung der Südfassade gesprochen. Der Verwalter erklärte, dass drei Angebote eingeholt worden "
        "seien, von denen das günstigste 86.200 Euro beträgt. Mehrere Eigentümer äußerten Zweifel, ob sich die "
        "Maßnahme lohne, und baten um eine ausführliche Prüfung.\n\nAußerdem wurde beschlossen, die Müllräume künftig "
        "nachts abzuschließen und die Schlüssel beim Hausmeister zu hinterlegen. Über größere Änderungen der "
        "Hausordnung soll im Frühjahr abgestimmt werden."
    ),
    "german_recipe": (
        "Kürbissuppe für vier Personen\n\nDen Kürbis waschen, halbieren und die Kerne mit einem Löffel herauslösen. "
        "Das Fruchtfleisch in grobe Würfel schneiden. Zwei Zwiebeln schälen, fein hacken und in etwas Öl glasig "
        "dünsten. Den Kürbis und eine geschälte Möhre dazugeben, kurz anrösten und mit 750 ml Brühe ablöschen. Alles "
        "zugedeckt etwa 25 Minuten köcheln lassen, bis das Gemüse weich ist.\n\nDie Suppe pürieren, mit Salz, Pfeffer "
        "und einem Spritzer Zitronensaft abschmecken. Zum Schluss einen Löffel süße Sahne unterrühren und mit "
        "gerösteten Kernen bestreuen. Dazu passt kräftiges Brot."
    ),
    "french": (
        "Compte rendu de la réunion\n\nLa réunion a été ouverte à neuf heures par le maire, qui a rappelé que le "
        "marché hebdomadaire serait déplacé pendant les travaux de la place. Les commerçants présents ont exprimé "
        "leurs inquiétudes : où seront installés les étals, et combien de temps dureront les travaux ? Le maire a "
        "répondu que le chantier devrait être achevé avant Noël, à moins que les fouilles archéologiques ne révèlent "
        "quelque chose d'imprévu.\n\nUne élève du collège a présenté ensuite le projet de potager ; il a été reçu "
        "avec beaucoup d'intérêt. La séance a été levée à onze heures et quart."
    ),
}


def picture(text: str, *, dots: int = 300) -> "Image":
    """Return a page with the text on it, in Helvetica of 12 points, lines of up to 75 characters."""
    import pypdfium2  # pyright: ignore[reportMissingTypeStubs]  # it has no types: what comes from it is Any

    from support.samples import pdf_bytes

    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 75, break_on_hyphens=False) or [""]]
    escaped = "\n".join(lines).replace("(", "\\(").replace(")", "\\)")
    pdfium: Any = pypdfium2
    with pdfium.PdfDocument(pdf_bytes([escaped])) as pdf:
        page = pdf[0]
        image: Image = page.render(scale=dots / 72, grayscale=True).to_pil().convert("L")
        page.close()
        return image


def scanned_pdf(*pages: "Image") -> bytes:
    """Return a PDF whose pages are these pictures."""
    made = io.BytesIO()
    pages[0].save(made, "PDF", resolution=300, save_all=True, append_images=pages[1:])
    return made.getvalue()


def as_file(image: "Image", kind: str) -> bytes:
    """Return the picture as a file of this kind."""
    made = io.BytesIO()
    image.save(made, kind)
    return made.getvalue()


def error_rate(expected: str, found: str) -> float:
    """Return the edits that make one text of the other, a character; white space counts once."""
    first, second = " ".join(expected.split()), " ".join(found.split())
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1] / len(first)


def program(path: Path, body: str, languages: Sequence[str] = ("eng",)) -> str:
    """Write a double of tesseract, a script that lists languages and otherwise does `body`; return its path."""
    listed = "\\n".join(["List of available languages (1):", *languages])
    path.write_text(f'#!/bin/sh\nif [ "$1" = --list-langs ]; then printf "{listed}\\n"; exit 0; fi\n{body}\n')
    path.chmod(0o755)
    return str(path)
