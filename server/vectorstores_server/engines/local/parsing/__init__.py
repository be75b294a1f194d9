"""The way from the bytes of a file to a Document.

`parser_process.ParserProcess` is the way in: it runs `dispatch.read_document` in a confined child process. One module a
family of formats; each imports its library itself, so that the child loads only what the file at hand needs.
"""

from pathlib import PurePath

PARSER = "vs"
VERSION = 2  # raise it when the same bytes give another text, other pages or other headings
RECOGNISED = 1_000
"""Added to the version of a text some of whose pages were read from their pictures: it is another text."""
PICTURES = frozenset([".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"])
"""Files that hold pictures alone, whose text can be recognised."""
HOW_TO_READ_PICTURES = "install tesseract"
"""The words of each note and error that advises this: by them the files are found again once tesseract is there."""

_DOCUMENTS = (
    ".pdf .docx .docm .dotx .dotm .pptx .pptm .ppsx .ppsm .potx .potm .xlsx .xlsm .xltx .xltm .epub .html .htm .xhtml "
    ".md .markdown .mdx .qmd .rmd .rst .adoc .asciidoc .org .tex .odt .ods .odp .xls .xlsb .rtf .eml "
    ".srt .vtt .ics .bib .po .svg .txt .text .log .ipynb"
)
_DATA = ".csv .tsv .json .jsonl .ndjson .geojson .yaml .yml .toml .ini .cfg .conf .properties .xml .xsd .xsl .rss"
_SOURCE_CODE = (
    ".py .pyi .pyx .c .h .cc .cpp .cxx .hh .hpp .hxx .cs .css .scss .sass .less .go .java .js .jsx .mjs .cjs .ts .tsx "
    ".mts .cts .vue .svelte .php .rb .rs .sh .bash .zsh .fish .ps1 .bat .cmd .kt .kts .swift .scala .groovy .gradle "
    ".dart .lua .pl .pm .r .jl .ex .exs .erl .hrl .hs .ml .mli .fs .fsx .vb .clj .cljs .lisp .el .scm .zig .nim .d .m "
    ".mm .cu .f90 .f95 .f .for .asm .s .v .sv .vhd .vhdl .sol .sql .graphql .gql .proto .thrift .tf .hcl .nix .cmake "
    ".mk .dockerfile .awk .sed .tcl .vim .jinja .j2 .tmpl .diff .patch"
)
_WHOLE_NAMES = (
    "makefile dockerfile containerfile jenkinsfile rakefile gemfile procfile vagrantfile justfile readme license "
    "licence copying notice authors contributors changelog changes news todo install codeowners"
)

EXTENSIONS = frozenset(f"{_DOCUMENTS} {_DATA} {_SOURCE_CODE}".split())
_PACKAGES = (
    ".pdf .docx .docm .dotx .dotm .pptx .pptm .ppsx .ppsm .potx .potm .xlsx .xlsm .xltx .xltm .epub .odt .ott .ods "
    ".ots .odp .otp .xls .xlsb .rtf .eml .ipynb .html .htm .xhtml"
)
"""Files that are no plain text, or are taken apart by a parser that may be slow."""
NAMES = frozenset(_WHOLE_NAMES.split())  # of files without an extension, in lower case
ANY_TEXT = "*"
"""The type of any text that has no other."""
_READ_LATER = (
    ".bib .docm .dotm .dotx .eml .ics .odp .ods .odt .po .potm .potx .ppsm .ppsx .pptm .rtf .srt .svg .vtt .xls .xlsb "
    ".xltm .xltx"
)
FIRST_TYPES = (EXTENSIONS | NAMES) - frozenset(_READ_LATER.split())
"""The types that were taken from folders before the catalog noted them."""


def types(*, pictures: bool = False) -> frozenset[str]:
    """Return the types that are taken from folders now; `pictures`: their text can be recognised here."""
    return EXTENSIONS | NAMES | {ANY_TEXT} | (PICTURES if pictures else frozenset[str]())


def type_of(filename: str) -> str:
    """Return the type by which a file of this name is taken: its ending, its name, or that it is text."""
    path = PurePath(filename)
    known = EXTENSIONS | PICTURES
    found = path.suffix.lower() if path.suffix.lower() in known else path.name.lower()
    return found if found in known or found in NAMES else ANY_TEXT


def is_plain_text(filename: str) -> bool:
    """Tell whether a file of this name is read as it stands: parsing a small one takes a millisecond."""
    suffix = PurePath(filename).suffix.lower()
    return suffix not in _PACKAGES.split() and suffix not in PICTURES


def may_hold_pictures(filename: str) -> bool:
    """Tell whether pages of such a file may be pictures of text."""
    suffix = PurePath(filename).suffix.lower()
    return suffix == ".pdf" or suffix in PICTURES


class ParseFailure(Exception):
    """A file has no document: `code` is that of the contract's last_error, `message` a sentence.

    code: unsupported_file (nothing here can read such a file), invalid_file (it is damaged, locked or too large) or
    server_error (the fault is not the file's). The message names the file, what is wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)  # both, so that it survives the way out of the child
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class Postponed(ParseFailure):
    """The file is to be built otherwise than it was requested, and is requested again."""


class Unread(ParseFailure):
    """The file's text waits until its pages are recognised: the caller asks for it again then."""
