"""The names of uploads: what may be stored under, on any system, whatever a client sent."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.filenames import last_component, safe_filename

NAMES: dict[str, tuple[str | None, str | None]] = {
    "plain": ("photo.png", "photo.png"),
    "spaces and signs": ("été 1 (final) [x] #3 &co = 50% +1.tar.gz", "été 1 (final) [x] #3 &co = 50% +1.tar.gz"),
    "other scripts": ("写真.jpg", "写真.jpg"),
    "decomposed": ("e\u0301te\u0301", "été"),
    "no name": (None, None),
    "empty": ("", None),
    "dot": (".", None),
    "dots": ("..", None),
    "many dots": ("....", None),
    "spaces": ("   ", None),
    "dots and spaces": (". . .", None),
    "parent": ("../../x", "x"),
    "backslashes": ("..\\..\\x", "x"),
    "absolute": ("/etc/cron.d/x", "x"),
    "drive": ("C:\\dir\\x", "x"),
    "a drive's file": ("C:x", "C_x"),
    "UNC": ("\\\\host\\share\\x", "x"),
    "only a directory": ("a/", None),
    "hidden": (".htaccess", "htaccess"),
    "hidden by two": ("..env", "env"),
    "an option": ("-rf", "rf"),
    "home": ("~root", "root"),
    "backup": ("a.txt~", "a.txt~"),
    "trailing dot": ("a.php.", "a.php"),
    "trailing space": ("a.php ", "a.php"),
    "trailing both": ("a.php. . ", "a.php"),
    "stream": ("a.txt:evil", "a.txt_evil"),
    "data stream": ("a.php::$DATA", "a.php__$DATA"),
    "wildcards": ('a<b>c"d|e?f*.txt', "a_b_c_d_e_f_.txt"),
    "NUL byte": ("a.php\0.png", "a.php.png"),
    "line ends": ("a\r\nb\u2028c\u0085d", "abcd"),
    "escape": ("\x1b[31ma", "[31ma"),
    "reversed": ("a\u202egnp.exe", "agnp.exe"),
    "zero width": ("a\u200bb\ufeffc", "abc"),
    "a surrogate": ("a\ud800b", "ab"),
    "private use": ("a\ue000b", "ab"),
    "no break space": ("a\u00a0b", "ab"),
    "escaped slash": ("..%2fx", "%2fx"),
    "entity": ("&#x2F;..", "&#x2F;"),
    "full width slash": ("..\uff0fx", "\uff0fx"),
    "CON": ("CON", "_CON"),
    "con.txt": ("con.txt", "_con.txt"),
    "NUL.txt": ("NUL.txt", "_NUL.txt"),
    "NUL with two endings": ("nul.tar.gz", "_nul.tar.gz"),
    "AUX and a space": ("AUX ", "_AUX"),
    "AUX, space, ending": ("AUX .txt", "_AUX .txt"),
    "COM1": ("COM1", "_COM1"),
    "LPT9.doc": ("lpt9.doc", "_lpt9.doc"),
    "COM with a superscript": ("COM¹", "_COM¹"),
    "CONIN$": ("CONIN$", "_CONIN$"),
    "hidden device": (".NUL", "_NUL"),
    "no device": ("CONSOLE.txt", "CONSOLE.txt"),
    "COM10 is no device": ("COM10", "COM10"),
    "too long": ("a" * 300, "a" * 255),
    "too long with an ending": ("a" * 300 + ".jpeg", "a" * 250 + ".jpeg"),
    "too long in two bytes each": ("é" * 200 + ".png", "é" * 125 + ".png"),
    "too long an ending": ("a." + "b" * 300, "a." + "b" * 253),
    "cut at a dot": ("a" * 250 + "." * 20 + "b.png", "a" * 250 + ".png"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "safe"), NAMES.values(), ids=NAMES)
def test_a_name_is_made_safe(sent: str | None, safe: str | None) -> None:
    assert safe_filename(sent) == safe


texts = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from([*"./\\: ~-aé\0", "..", "CON", "nul", "\u202e", "com¹", "e\u0301", "\ud800"])).map(
        "".join
    ),
)


@given(texts)
def test_whatever_is_sent_the_name_is_one_harmless_component(sent: str) -> None:
    name = safe_filename(sent)
    if name is None:
        return
    assert 0 < len(name.encode()) <= 255
    assert not re.search(r'[/\\<>:"|?*\x00-\x1f\x7f]', name)
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "
    assert name.partition(".")[0].rstrip(" ").upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}
    assert unicodedata.is_normalized("NFC", name)


@given(texts)
def test_a_safe_name_stays_as_it_is(sent: str) -> None:
    name = safe_filename(sent)
    assert safe_filename(name) == name


@given(texts)
def test_the_last_component_has_neither_separators_nor_control_characters(sent: str) -> None:
    name = last_component(sent)
    assert name is None or (name.strip() == name not in ("", ".", "..") and not re.search(r"[/\\\x00-\x1f\x7f]", name))
