"""Input that may well be read in two ways: whichever it is, both sides have to read it alike."""

from tests.migration.documents import RESUME
from tests.migration.forms import END, part

BODIES = [b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff", b"{}", b'{"\\ud800": 1}', b"[" * 3000, b"x" * 70_000]
QUERIES = [
    "limit=0",
    "limit=101",
    "limit=100",
    "limit=x",
    "limit=",
    "limit",
    "limit=1&limit=2",
    "limit=+1",
    "limit=%2B1",
    "limit=1.0",
    "limit=1.5",
    "limit=1_0",
    "limit=%D9%A1",
    "limit= 1",
    "limit=true",
    "limit=null",
    "limit=" + "9" * 50,
    "limit=" + "9" * 5000,
    "limit=-1&offset=x",
    "offset=-1",
    "offset=1000000",
    "offset=1000001",
    "offset=00",
    "offset=%00",
    "offset=%FF",
    "LIMIT=0",
    "other=1",
    "limit=1;offset=2",
    "&&&",
]
RANGES = [
    "Bytes=0-1",
    "bytes= 0-1",
    "bytes=0 -1",
    "bytes=0-1,",
    "bytes=,0-1",
    "bytes=1-0",
    "bytes=-0",
    "bytes=0-1;x",
    "bytes=" + "9" * 50 + "-",
    "bytes=9-" + "9" * 50,
    "none",
    "bytes=\t0-1",
]
FILENAMES = [
    b"",
    b".",
    b"..",
    b"a\\",
    b"a%2Fb.txt",
    b'a\\"b.txt',
    b"a\\\\b.txt",
    b"C:\\x\\y.txt",
    b"\\\\host\\y.txt",
    "\u0085\u200b\u202e.txt".encode(),
    b"\xff\xfe.txt",
    b"\xed\xa0\x80.txt",
    b"a;b=c.txt",
    b"\t\x01.txt",
    "é".encode() * 200 + b".md",
    b"x" * 254 + b"\xc3\xa9.txt",
    b"x.txt" + b" " * 300,
    "\u3000cv.txt\u00a0".encode(),
    b"=?utf-8?q?cv?=.txt",
    b"a'b!#$&+^`|~(1),.txt",
]


def headed(head, content=b"x"):
    """One part whose headers are written out, and the end of the body."""
    return b"--a-boundary\r\n%s\r\n\r\n%s\r\n" % (head, content) + END


DISPOSITION = b"Content-Disposition: form-data; name=file; "
FORMS = [
    b"",
    END,
    b"\r\n" + END,
    part(RESUME) + END + b"an epilogue",
    b"a preamble\r\n" + part(RESUME) + END,
    b"\r\n" + part(RESUME) + END,
    part(RESUME) + END[:-2],
    part(RESUME) + END + part(RESUME) + END,
    part(RESUME).replace(b"\r\n", b"\n") + END,
    headed(b""),
    headed(b'Content-Disposition: attachment; name="file"; filename="x"'),
    headed(b"Content-Disposition: form-data; filename=cv.txt"),
    headed(b"content-disposition: form-data; name=file; filename=cv.txt"),
    headed(DISPOSITION + b"filename=a; filename*=UTF-8''b.txt"),
    headed(DISPOSITION + b"filename*=UTF-8''b.txt"),
    headed(DISPOSITION + b"filename*0=a; filename*1=b.txt"),
    headed(b"Content-Disposition:\r\n" + DISPOSITION + b"filename=b.txt"),
    headed(DISPOSITION + b"filename=a.txt\r\n" + DISPOSITION + b"filename=b.txt"),
    headed(b"Bad Header"),
    headed(b"X: " + b"y" * 20_000),
    part(b"x", name="", filename=b"x") + END,
    part(b"", filename=b"") + END,
    part(RESUME, filename=b"") + END,
    part(b"", filename=b"") + part(RESUME) + END,
    part(RESUME, filename=None) + part(RESUME) + END,
    part(RESUME) + part(RESUME, filename=None) + END,
    part(RESUME, filename=None) * 2 + END,
    part(b"x", name="n", filename=None) * 500 + part(RESUME) + END,
]
FORM_TYPES = [
    "multipart/form-data; boundary=" + "x" * 300,
    "multipart/form-data; charset=utf-8; boundary=a-boundary",
    "multipart/form-data;boundary=a-boundary;",
    "MULTIPART/FORM-DATA; BOUNDARY=a-boundary",
    'multipart/form-data; boundary="a-boundary',
    b"multipart/form-data; boundary=\xe9",
    "multipart/form-data, text/plain; boundary=a-boundary",
    "",
]
