// What api/openapi.yaml says of a call.
import { readFile } from "node:fs/promises";
import { load } from "js-yaml";

// letThrough are the query parameters that every list ignores.
const letThrough = ["_", "t", "select"];
const methods = ["get", "put", "post", "delete", "patch"];

// documented returns a function that returns what is undocumented of a call; "" if nothing is.
export async function documented() {
  const text = await readFile(new URL("../../api/openapi.yaml", import.meta.url), "utf8");
  const api = load(text);
  const resolve = (part) => (part.$ref ? part.$ref.slice(2).split("/").reduce((at, name) => at[name], api) : part);
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => ({
      method: method.toUpperCase(),
      pattern: new RegExp(`^${path.replace(/\{[^}]*\}/g, "[^/]+")}$`),
      templated: path.includes("{"),
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolve),
      description: item[method].description ?? "",
      responses: item[method].responses,
    })));
  return ({ method, url, status }) => {
    const { pathname, searchParams } = new URL(url);
    const operation = operations
      .filter((o) => o.method === method && o.pattern.test(pathname))
      .sort((a, b) => Number(a.templated) - Number(b.templated))[0];
    if (!operation) return `${method} ${pathname} is no operation`;
    // A form that is documented in prose names its parameters there.
    const known = (name) => letThrough.includes(name) || operation.parameters.some((p) => p.in === "query" && p.name === name) || new RegExp(`\\b${name}\\b`).test(operation.description);
    const unknown = [...searchParams.keys()].filter((name) => !known(name));
    if (unknown.length > 0) return `${method} ${pathname} has no parameter ${unknown}`;
    return operation.responses[status] ? "" : `${method} ${pathname} has no status ${status}`;
  };
}
