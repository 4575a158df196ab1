"""What the measuring scripts share: Markdown tables, their place in docs/performance.md, and safetensors files."""
import json
import pathlib
import struct
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def write(name, text):
    """Puts the text between <!-- name --> and <!-- /name -->."""
    page, markers = PAGE.read_text(), (f"<!-- {name} -->", f"<!-- /{name} -->")
    first, last = (page.find(marker) for marker in markers)
    if first < 0 or last < first:
        sys.exit(f"{PAGE}: has no lines {markers[0]} and {markers[1]}")
    PAGE.write_text(f"{page[: first + len(markers[0])]}\n\n{text}\n{page[last:]}")
    print(f"written: {PAGE}", file=sys.stderr)


def write_safetensors(path, tensors, metadata=None):
    """Torch's tensors as float32, without counters of batches."""
    header, at, blobs = {"__metadata__": metadata} if metadata else {}, 0, []
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        blob = tensor.contiguous().float().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
