"""Small real files of the kinds that a resume comes in."""

import io
import zipfile
import zlib

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf_of(*pages, compress=False):
    """A PDF with a page for each text; lines of a text are lines on the page."""
    fonts = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        fonts,
    ]
    for number, text in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (5 + 2 * number)
        )
        objects.append(stream_of(page_of(text), compress=compress))
    return pdf_of_objects(*objects)


def page_of(text):
    """The content stream that draws a text from the top of a page."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    lines = "".join(f"({line}) Tj T*\n" for line in escaped.split("\n"))
    return f"BT /F1 12 Tf 14 TL 72 770 Td\n{lines}ET".encode("latin-1")


def stream_of(data, *, compress=False):
    body = zlib.compress(data) if compress else data
    filters = b" /Filter /FlateDecode" if compress else b""
    return b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(body), filters, body)


def pdf_of_objects(*objects):
    """A PDF of objects that are numbered from 1, the first of them its catalogue."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def docx_of(*paragraphs):
    """A Word file with a paragraph for each text."""
    return docx_of_body("".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs))


def docx_of_body(body, *, namespace=WORD):
    return docx_of_xml(f'<?xml version="1.0"?><w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>')


def docx_of_xml(xml, *, compression=zipfile.ZIP_DEFLATED):
    return zip_of({"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": xml}, compression=compression)


def zip_of(members, *, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()
