// The servers of the test: the program with demo data, and the server of the page.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

// startProgram starts a server with demo data and returns how to reach it, and stop.
export async function startProgram(settings) {
  const program = process.env.SIXTY_PROGRAM;
  if (!program) throw new Error("SIXTY_PROGRAM is not set: run make clients");
  const folder = await mkdtemp(join(tmpdir(), "sixty-browser."));
  const { DATABASE_URL, REDIS_HOST, REDIS_URL, ...environment } = process.env;
  const child = spawn(program, ["serve", "--demo"], {
    env: { ...environment, PORT: "0", SIXTY_DATA_DIR: folder, LOG_LEVEL: "warn", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true });
  };
  let told = "";
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    told += text;
    if (told.includes("Press Ctrl-C to stop")) break;
  }
  const find = (pattern) => {
    const found = told.match(pattern);
    if (!found) throw new Error(`the program did not say ${pattern}: ${told}`);
    return found[1];
  };
  child.stdout.resume();
  try {
    return {
      stop,
      url: find(/^sixty listens on (http:\S+)/),
      key: find(/Authorization: Bearer (\S+)$/m),
      email: find(/e-mail address (\S+)$/m),
      password: find(/the password (\S+)/),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

// startPages serves the page, with its configuration by path, and forwards /api to target.url.
export async function startPages(configurations, target) {
  const server = createServer((incoming, outgoing) => {
    const path = new URL(incoming.url, "http://page").pathname;
    if (path.startsWith("/api/")) {
      const to = new URL(target.url);
      const headers = { ...incoming.headers, host: to.host };
      const forwarded = request({ host: to.hostname, port: to.port, method: incoming.method, path: incoming.url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(outgoing);
      });
      forwarded.on("error", (error) => outgoing.destroy(error));
      incoming.pipe(forwarded);
      return;
    }
    if (path === "/frontend.js") {
      outgoing.writeHead(200, { "Content-Type": "text/javascript" });
      createReadStream(new URL("frontend.js", import.meta.url)).pipe(outgoing);
      return;
    }
    const configuration = configurations[path];
    outgoing.writeHead(configuration ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
    outgoing.end(configuration && `<!doctype html><title>Front end</title><link rel="icon" href="data:,">
      <script>window.config = ${JSON.stringify(configuration())}</script>
      <script type="module">import * as frontend from "/frontend.js"; window.frontend = frontend</script>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://localhost:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
