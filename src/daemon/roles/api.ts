import { flushCompileCache } from "node:module";
import { buildApi } from "../../api/api-app.ts";
import { ControlLink } from "../../api/control-link.ts";
import { operations } from "../../contract/operations.ts";
import { API_SOCKET_INSIDE, apiUser } from "../api-folder.ts";
import type { ApiSettings } from "../api-settings.ts";
import { listenForUsers } from "../drivers/api-listeners.ts";
import { RoleChannel } from "../role-channel.ts";
import { version } from "../version.ts";

/**
 * The api role: speaks HTTPS with users, as a user that may do nothing on this machine. Its working folder is the one with
 * control's socket; the supervisor gives it the key of its certificate.
 */
function becomeUnprivileged(): void {
  const { geteuid, setgroups, setgid, setuid } = process;
  if (geteuid === undefined || setgroups === undefined || setgid === undefined || setuid === undefined)
    throw new Error("no Linux");
  if (geteuid() !== 0) return;
  const { uid, gid } = apiUser();
  setgroups([]);
  setgid(gid);
  // With the last user id that is root the capabilities go, too (capabilities(7)).
  setuid(uid);
}

async function serve(settings: ApiSettings): Promise<(keys: ApiSettings) => void> {
  const app = await buildApi({
    ...{ table: operations, link: new ControlLink(API_SOCKET_INSIDE), version },
    requestsPerSecond: settings.requestsPerSecond,
    onDefect: (text) => channel.log("error", `a request ended with a defect: ${text}`),
  });
  return listenForUsers(
    settings,
    (request, response) => app.routing(request, response),
    (text) => channel.log("error", text),
  );
}

// All code is loaded by now, from wherever only root may read it; nothing that anybody has said was read yet. Its compiled form is
// kept for the next start, which then takes less memory: the plain user cannot write it.
flushCompileCache();
try {
  becomeUnprivileged();
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`the API must not run as root, and cannot become another user: ${reason}\n`);
  process.exit(1);
}

let serving: Promise<(keys: ApiSettings) => void> | undefined;
const channel = new RoleChannel("api", ({ message }) => {
  if (message.kind !== "api-settings") return;
  const { settings } = message;
  // What comes later than the first are exchanged keys: with other settings the role is started again.
  if (serving === undefined) serving = serve(settings);
  else void serving.then((renew) => renew(settings));
});
