// A person with @xmpp/client. Takes stanzas from standard input, one per line, sends them, and logs out at the
// end of input. Tells what happens on standard output, a JSON object per line: {"online": JID}, {"stanza": XML}
// (a message or presence), {"error": TEXT} and {"offline": true}.
//
// node talk.mjs SERVICE DOMAIN USERNAME PASSWORD

import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

globalThis.crypto ??= webcrypto; // the client needs it; Node 18 has it under this name alone

const { client } = await import("@xmpp/client");
const { default: parse } = await import("@xmpp/xml/lib/parse.js");

const [service, domain, username, password] = process.argv.slice(2);
const person = client({ service, domain, username, password });
const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);

person.reconnect.stop(); // who loses the connection fails the test
person.on("online", (address) => tell({ online: address.toString() }));
person.on("stanza", (stanza) => stanza.is("iq") || tell({ stanza: stanza.toString() }));
person.on("error", (error) => tell({ error: String(error) }));
person.on("offline", () => tell({ offline: true }));

await person.start();
for await (const line of createInterface({ input: process.stdin })) {
  await person.send(parse(line));
}
await person.stop();
