// The npm package smtp-server as a server for the tests: STARTTLS and a login are needed, and it pipelines.
//
// smtp_server.mjs DIR PORT    appends what it takes to DIR/smtp-server.jsonl, a JSON object a line
import { appendFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, port] = process.argv.slice(2);
const { SMTPServer } = createRequire(`${process.env.PEERS_NPM}/`)("smtp-server");

const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });

const server = new SMTPServer({
  name: "npm.test",
  key: readFileSync(`${folder}/server.key`),
  cert: readFileSync(`${folder}/server.pem`),
  authMethods: ["PLAIN", "LOGIN", "XOAUTH2"],
  size: 100_000,
  onAuth(auth, session, done) {
    const secret = auth.method === "XOAUTH2" ? auth.accessToken : auth.password;
    if (auth.username === "tidings" && secret === "secret") return done(null, { user: auth.username });
    return done(refusal(535, "5.7.8 Authentication credentials invalid"));
  },
  onRcptTo(address, session, done) {
    if (address.address.startsWith("refused")) return done(refusal(550, "5.1.1 No such mailbox here"));
    if (address.address.startsWith("grey")) return done(refusal(450, "4.7.1 Greylisted, try again later"));
    return done();
  },
  onData(stream, session, done) {
    const pieces = [];
    stream.on("data", (piece) => pieces.push(piece));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      const content = Buffer.concat(pieces).toString("base64");
      const taken = { from: mailFrom.address, to: rcptTo.map((one) => one.address), content };
      appendFileSync(`${folder}/smtp-server.jsonl`, `${JSON.stringify(taken)}\n`);
      done(null, "2.0.0 Ok: queued as NPM1");
    });
  },
});
server.on("error", () => {});  // a client that hangs up is no fault
server.listen(Number(port), "127.0.0.1");
