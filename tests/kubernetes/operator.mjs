// Reads objects of the Prometheus operator as JSON, holds them against the types that the package of
// npm has from the operator's own definitions, and writes the faults as JSON. Its validators know
// types and what is required, but let unknown fields pass; those are looked for in its declarations.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const folder = `${process.argv[2]}/node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1`;
const faults = [];

// The fields of an interface, with the names of their types.
function fields(name) {
  let text;
  try {
    text = readFileSync(`${folder}/${name}.d.ts`, "utf8");
  } catch {
    return null; // Not of the operator: a type of Kubernetes, or a plain one.
  }
  const found = new Map();
  const parent = text.match(/export interface I\w+ extends I\w*MonitoringV1(\w+)/);
  if (parent) for (const [key, type] of fields(parent[1])) found.set(key, type);
  for (const [, key, type] of text.matchAll(/^ {4}"(\w+)"\??: (.*)$/gm)) {
    found.set(key, type.match(/MonitoringV1(\w+)/)?.[1]);
  }
  return found.size ? found : null;
}

function names(path, value, type) {
  if (Array.isArray(value)) return value.forEach((it, at) => names(`${path}[${at}]`, it, type));
  const known = type && fields(type);
  if (!known || typeof value !== "object") return;
  for (const [key, inner] of Object.entries(value)) {
    if (!known.has(key)) faults.push(`${path}.${key}: no such field`);
    names(`${path}.${key}`, inner, known.get(key));
  }
}

for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const { kind, metadata, spec } = object;
  const url = pathToFileURL(`${folder}/${kind}.js`);
  const model = new (await import(url))[kind](object);
  try {
    model.validate();
  } catch (error) {
    faults.push(`${kind} ${metadata.name}: ${error.message}`);
  }
  names(kind, spec, `${kind}Spec`);
}
console.log(JSON.stringify(faults));
