"""validate.py VERSION...: reads objects of Kubernetes as YAML, holds each against the schemas of these
versions, unknown fields being errors, and writes objects and faults as JSON. With "newest=5" for the
five newest versions that there are."""

import json
import sys

import kubernetes_validate
import yaml

objects = [it for it in yaml.safe_load_all(sys.stdin) if it]
known = list(dict.fromkeys(kubernetes_validate.utils.all_versions()))
versions = sys.argv[1:]
if versions and versions[0].startswith("newest="):
    versions = known[-int(versions[0].removeprefix("newest=")):]
faults, without_schema = [], []
for it in objects:
    name = f"{it['kind']} {it['metadata']['name']}"
    for version in versions:
        try:
            kubernetes_validate.validate(it, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(step) for step in error.path)
            faults.append(f"{version}: {name}: {path}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            without_schema.append(name)
print(json.dumps({
    "versions": versions,
    "objects": objects,
    "faults": faults,
    "without_schema": sorted(set(without_schema)),
}))
