"""Files made to harm whoever reads them: small ones that ask for gigabytes, and tensors that are not what they say."""

import struct
import zipfile


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def tensor(numel, shape, stride):
    """A tensor of float32 in storage 0, in the language of pickle."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(numel) + b"tQ"
    sizes, strides = (b"(" + b"".join(map(number, values)) + b"t" for values in (shape, stride))
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + number(0) + sizes + strides + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip


def archive(path, program, storage=bytes(64), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as zipped:
        zipped.writestr("archive/data.pkl", program)
        zipped.writestr("archive/byteorder", "little")
        zipped.writestr("archive/version", "3\n")
        zipped.writestr("archive/data/0", storage)
    return path


def merged(data, ids=None):
    ids = ids or b"](" + text("a") + text("b") + b"e"
    return b"\x80\x02}(" + text("ids") + ids + text("data") + data + b"u."


HOSTILE = {
    "memo": b"\x80\x02Nr\xff\xff\xff\x3f.",
    "bytearray": b"\x80\x02cbuiltins\nbytearray\n" + number(16 << 30) + b"\x85R.",
    "bytearray of Python 2": b"\x80\x02c__builtin__\nbytearray\n" + number(16 << 30) + b"\x85R.",
    "bytearray8": b"\x80\x05\x96" + struct.pack("<Q", 16 << 30) + b".",
    "tensor beyond its storage": merged(tensor(16, (2, 1 << 31), (1 << 31, 1))),
    "storage beyond its bytes": merged(tensor(1 << 32, (2, 1 << 31), (1 << 31, 1))),
    "one number many times": merged(tensor(16, (2, 1 << 33), (0, 0))),
    "nested": b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b".",
    "code": b"\x80\x02cposix\nsystem\n" + text("true") + b"\x85R.",
    "IDs that are numbers": merged(tensor(16, (2, 4), (4, 1)), b"](" + number(1) + number(2) + b"e"),
}


def write_all(folder):
    """Each program in an archive, and in the layout before torch 1.6; and an archive that inflates to a thousand times its size."""
    paths = [archive(folder / f"{name}_merged.pt", program) for name, program in HOSTILE.items()]
    for name, program in HOSTILE.items():
        paths.append(folder / f"old {name}_merged.pt")
        paths[-1].write_bytes(program)
    inflating = folder / "inflating_merged.pt"
    with zipfile.ZipFile(inflating, "w", zipfile.ZIP_DEFLATED) as zipped:
        with zipped.open("archive/data.pkl", "w", force_zip64=True) as stream:
            for _ in range(600):
                stream.write(bytes(1 << 20))
        zipped.writestr("archive/version", "3\n")
    return [*paths, inflating]
