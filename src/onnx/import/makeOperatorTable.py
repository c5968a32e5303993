"""Writes generated/operatorTable.ts from docs/Changelog.md of the ONNX project (github.com/onnx/onnx), its list of all versions of
all operators:  python3 src/onnx/import/makeOperatorTable.py Changelog.md && npx biome format --write src/onnx/import/generated"""

import re
import sys
from pathlib import Path

here = Path(__file__).parent
rules = "".join(p.read_text() for p in sorted((here / "rules").glob("*.ts")))
known = set(re.findall(r"^  ([A-Z]\w+)(?::|,)|Rules = { ([A-Z]\w+):", rules, re.M))
known = {name for pair in known for name in pair if name}
known |= set(re.findall(r"\b(?:elementwise|compare)\.([A-Z]\w+)", rules)) | {"If"}
OLDEST, NEWEST = 11, 21
KINDS = {"int": "i", "float": "f", "string": "s", "list of ints": "I", "list of floats": "F", "list of strings": "S", "tensor": "t", "graph": "g", "sparse_tensor": "p", "type_proto": "y"}

text = Path(sys.argv[1]).read_text()
parts = re.split(r'^### <a name="(\w+)-(\d+)"></a>', text, flags=re.M)
table = {}
for name, version, body in zip(parts[1::3], parts[2::3], parts[3::3]):
    if name not in known or int(version) > NEWEST:
        continue

    def section(title):
        found = re.search(rf"^#### {title}.*?\n(.*?)(?=^#### |^## |^### |\Z)", body, re.M | re.S)
        return found.group(0) if found else ""

    def counts(title):
        head = re.match(rf"#### {title} \((\d+) - (\d+|&#8734;)\)", section(title))
        rows = re.findall(r"<dt><tt>(.*?)</tt>", section(title))
        low, high = (head.group(1), head.group(2)) if head else (str(len(rows)), str(len(rows)))
        return f"{low}-{'' if '8734' in high else high}"

    def types(title):
        rows = re.findall(r"<dt><tt>.*?</tt>(.*?) : (.*?)</dt>", section(title))
        return " ".join(re.sub(r"tensor\((\w+)\)", r"\1", t).replace(" ", "") + ("?" if "optional" in how else "") for how, t in rows)

    attrs = []
    for attr, rest in re.findall(r"<dt><tt>(\w+)</tt> : (.*?)</dt>", section("Attributes")):
        kind = re.match(r"[a-z_ ]+?(?= \(|$)", rest).group(0)
        attrs.append(attr + ":" + KINDS[kind] + ("!" if "(required)" in rest else ""))
    constraints = [
        var + "=" + re.sub(r"tensor\((\w+)\)", r"\1", kinds).replace(" ", "")
        for var, kinds in re.findall(r"<dt><tt>(\w+)</tt> : (.*?)</dt>", section("Type Constraints"))
    ]
    table.setdefault(name, []).append(
        [int(version), counts("Inputs"), types("Inputs"), counts("Outputs"), types("Outputs"), " ".join(attrs), " ".join(constraints)]
    )

lines = ["/* Made by ../makeOperatorTable.py from the ONNX project's docs/Changelog.md. Do not edit. */", "",
  "/** Version, number of inputs and their types (`?`: may be left out), of outputs and theirs, attributes (`!`: required), type variables: of each version. */",
  "export const OPERATOR_TABLE: Readonly<Record<string, readonly (readonly [number, string, string, string, string, string, string])[]>> = {"]
for name in sorted(table):
    first = max((r[0] for r in table[name] if r[0] <= OLDEST), default=0)
    table[name] = [r for r in table[name] if r[0] >= first]
    lines.append(f"  {name}: [" + ", ".join("[" + ", ".join([str(r[0])] + ["'" + c + "'" for c in r[1:]]) + "]" for r in sorted(table[name])) + "],")
lines.append("};")
(here / "generated").mkdir(exist_ok=True)
(here / "generated" / "operatorTable.ts").write_text("\n".join(lines) + "\n")
print(len(table), sorted(known - set(table)))
