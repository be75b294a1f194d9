"""Write the PDF and the DOCX of the demo. Run it again after changing their text: python examples/make_documents.py."""

import textwrap
from datetime import datetime
from pathlib import Path

from docx import Document

FOLDER = Path(__file__).parent / "documents"

HANDBOOK = [
    (
        "The Keeper's Handbook of Skerry Light",
        "1. The lamp",
        """The lamp is lit thirty minutes before sunset and put out thirty minutes after sunrise. It shows two white
        flashes every fifteen seconds; no other light on this coast has that character, so a lamp that turns at the
        wrong speed is worse than a dark one.

        The lens floats on a bath of mercury. Nobody enters the lantern room for more than twenty minutes, and the
        vents stay open while anybody is inside. The level of the bath is read on the first of each month; it falls
        by two millimetres in a normal year. Below eleven millimetres the lens drags, and the harbour office is to be
        called before the lamp is lit.

        If the mains fail, the diesel set starts by itself within forty seconds. If it does not, use the hand crank
        behind the fuel tank: decompress, turn until the flywheel sings, and let the lever fall.""",
    ),
    (
        None,
        "2. Fog",
        """Sound the fog signal whenever Black Stack cannot be seen from the gallery. Black Stack lies 2.3 nautical
        miles to the north-west, so its disappearance means visibility below that distance. The signal is one blast
        of four seconds every minute.

        The compressor needs twelve minutes to reach pressure. On autumn evenings start it when the wind drops, not
        when the fog arrives. Ear protection is worn on the gallery while the horn is armed, because it can be
        triggered from the mainland without warning.

        A fog signal that fails is reported to shipping by radio on channel 16, then every half hour on channel 67
        until it works again.""",
    ),
    (
        None,
        "3. The log",
        """Three things are written every six hours: wind, visibility, and what passed. Ships are entered by name if
        they can be read, by kind if not. Anything that drifts is entered with its bearing.

        Birds that strike the lantern are counted at dawn and entered in the back of the book. In the night of 9
        October there were 214 redwings; a shade on the landward panes has halved the number since.

        The log is never corrected with an eraser. A wrong entry is struck through once, so that it can still be
        read, and signed.""",
    ),
]

TRAINING = [
    (
        "Boat training for relief crews",
        None,
        """This course prepares relief crews for the crossing to the light. It takes three days, ends with a landing
        under supervision, and is repeated every second year.""",
    ),
    (
        None,
        "Before the crossing",
        """Check the forecast for swell, not only for wind: the landing faces south-west, and a swell of more than 1.5
        metres from that side closes it however calm the air is. The crossing takes fifty minutes at eight knots.
        Fuel for three crossings is carried, one there, one back and one spare.""",
    ),
    (
        None,
        "Landing",
        """The helmsman keeps the bow against the fender and the engine ahead at low power. Crew step across on the
        rise of a wave, never on its fall, and one at a time. Nobody stands between the boat and the ladder. Stores
        go up by the derrick in nets of at most eighty kilograms.""",
    ),
    (
        None,
        "When it goes wrong",
        """Somebody in the water is brought to the lee of the rock and never to the ladder, where the boat would crush
        them. Throw the line from upwind. Water here is colder than ten degrees until July; after fifteen minutes a
        person can no longer hold a rope, so a loop goes under the arms first.""",
    ),
]


def paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in textwrap.dedent(text).split("\n\n")]


def page_stream(title: str | None, heading: str, text: str) -> bytes:
    """Return the drawing commands of an A4 page, in the standard fonts that every reader has."""
    drawn = [("F2", 20, 34, title)] if title else []
    drawn.append(("F2", 14, 26, heading))
    for paragraph in paragraphs(text):
        drawn += [("F1", 11, 15, line) for line in textwrap.wrap(paragraph, 86)] + [("F1", 11, 9, "")]
    commands, y = ["BT"], 780
    for font, size, leading, line in drawn:
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        commands.append(f"/{font} {size} Tf 1 0 0 1 60 {y} Tm ({escaped}) Tj")
        y -= leading
    return "\n".join([*commands, "ET"]).encode("latin-1")


def pdf(pages: list[bytes], title: str) -> bytes:
    """Return a PDF file; its objects are catalogue, pages, two fonts, information, then a page and its text each."""
    kids = " ".join(f"{6 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({title}) >>".encode(),
    ]
    for i, stream in enumerate(pages):
        resources = "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {resources} /Contents {7 + 2 * i} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    return assemble(objects)


def assemble(objects: list[bytes]) -> bytes:
    """Return numbered objects with the table of their offsets."""
    out, offsets = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    title = HANDBOOK[0][0] or ""
    (FOLDER / "keepers-handbook.pdf").write_bytes(pdf([page_stream(*page) for page in HANDBOOK], title))
    document = Document()
    document.core_properties.created = document.core_properties.modified = datetime(2026, 1, 1)  # DOCX has no zone
    document.core_properties.author = "vector-stores-mcp"
    for title, heading, text in TRAINING:
        if title:
            document.add_heading(title, level=0)
        if heading:
            document.add_heading(heading, level=1)
        for paragraph in paragraphs(text):
            document.add_paragraph(paragraph)
    document.save(str(FOLDER / "boat-training.docx"))


if __name__ == "__main__":
    main()
