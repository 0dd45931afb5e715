"""aiosmtpd as a server for the tests: STARTTLS and a login are needed, and it does not pipeline.

smtp_aiosmtpd.py DIR PORT    appends what it takes to DIR/aiosmtpd.jsonl, a JSON object a line
"""

import asyncio
import base64
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

FOLDER, PORT = pathlib.Path(sys.argv[1]), int(sys.argv[2])


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 No such mailbox here"
        if address.startswith("grey"):
            return "450 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        content = base64.b64encode(envelope.original_content).decode()
        taken = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "content": content}
        with open(FOLDER / "aiosmtpd.jsonl", "a") as out:
            out.write(json.dumps(taken) + "\n")
        return "250 2.0.0 Ok: queued as AIO1"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"tidings", b"secret")
    return AuthResult(success=good, handled=good)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")

    def session():
        return SMTP(Handler(), hostname="aio.test", tls_context=context, require_starttls=True, authenticator=authenticate,
                    auth_required=True, enable_SMTPUTF8=True, data_size_limit=100_000)

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", PORT)
    await server.serve_forever()


asyncio.run(main())
