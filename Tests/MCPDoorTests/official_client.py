"""The official MCP client runs the whole surface of `portal mcp`, in one era, and prints how many checks held.

    official_client.py MODE PORTAL CONFIG TARGET        MODE is legacy (initialize) or 2026-07-28 or auto (server/discover first)
"""

import asyncio
import sys
import time

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

mode, portal, config, target = sys.argv[1:5]
environment = dict(pair.split("=", 1) for pair in sys.argv[5:])
checks = 0


def check(condition, what):
    global checks
    if not condition:
        sys.exit(f"{mode}: {what}")
    checks += 1


async def main():
    server = StdioServerParameters(command=portal, args=["mcp", "-F", config, target], env=environment)
    async with Client(stdio_client(server), mode=mode) as client:
        check(client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28"), f"revision {client.protocol_version}")
        # Who takes a revision as given asks for nothing.
        if mode != "2026-07-28":
            check("Linux" in (client.instructions or ""), f"instructions {client.instructions}")
        tools = (await client.list_tools()).tools
        names = ["Bash", "Read", "Write", "Edit", "Grep", "Glob", "List", "BashOutput", "KillBash", "Wait", "Host"]
        check([tool.name for tool in tools] == names, "names")
        check(tools == (await client.list_tools(cache_mode="bypass")).tools, "the list is not the same twice")
        check(all(tool.annotations is not None for tool in tools), "annotations")

        async def call(name, **arguments):
            result = await client.call_tool(name, arguments)
            return ("error: " if result.is_error else "") + "".join(part.text for part in result.content if part.type == "text")

        async def expect(name, arguments, *parts):
            text = await call(name, **arguments)
            check(all(part in text for part in parts), f"{name} {arguments}: {text!r}")
            return text

        await expect("Host", {}, "System: Linux", "Connection: ready")
        await expect("Write", {"file_path": "a.txt", "content": "one\ntwo\n"}, "File created successfully at: ")
        await expect("Read", {"file_path": "a.txt"}, "1\tone\n2\ttwo\n3\t")
        await expect("Edit", {"file_path": "a.txt", "old_string": "two", "new_string": "2"}, "has been updated successfully.")
        await expect("Edit", {"file_path": "a.txt", "old_string": "two", "new_string": "2"}, "error: String to replace not found")
        await expect("Edit", {"file_path": "/etc/passwd", "old_string": "a", "new_string": "b"}, "error: File has not been read yet")
        await expect("Grep", {"pattern": "^2$", "output_mode": "content"}, "a.txt:2:2")
        await expect("Glob", {"pattern": "*.txt"}, "a.txt")
        await expect("List", {}, "a.txt (6)")
        await expect("Bash", {"command": "cd /; echo out; echo err >&2"}, "out\nerr")
        await expect("Bash", {"command": "pwd; exit 3"}, "error: Exit code 3\n/")
        await expect("Read", {"file_path": "a.txt", "limit": "many"}, 'error: Read: the parameter "limit" was given "many"')
        await expect("Read", {"file_path": "a.txt", "nonsense": 1}, 'error: Read: there is no parameter "nonsense"')
        await expect("Read", {}, 'error: Read: the required parameter "file_path" is missing')

        identifier = (await expect("Bash", {"command": "echo begun; sleep 4331", "run_in_background": True}, "ID: bash_")).split("ID: ")[1][:13]
        await expect("Wait", {"bash_id": identifier, "timeout": 300}, "<status>running</status>")
        await expect("KillBash", {"bash_id": identifier}, "Successfully killed shell")
        await expect("Wait", {"bash_id": identifier}, "<status>killed</status>")
        await expect("BashOutput", {"bash_id": identifier}, "<status>killed</status>")
        await expect("Bash", {"command": "sleep 4332", "timeout": 200}, "was moved to the background (ID: bash_")

        png = bytes([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) + bytes(100)
        await expect("Bash", {"command": f"cd - >/dev/null; cd {environment['WORKSPACE']}; printf '{''.join(f'{chr(92)}{byte:03o}' for byte in png)}' > a.png"})
        image = (await client.call_tool("Read", {"file_path": "a.png"})).content[0]
        check(image.type == "image" and image.mime_type == "image/png", f"image {image}")

        try:
            await client.call_tool("Fly", {})
            check(False, "an unknown tool was called")
        except Exception as error:
            check("Unknown tool: Fly" in str(error), f"unknown tool: {error}")

        many = await asyncio.gather(*[client.call_tool("Bash", {"command": f"echo {number}"}) for number in range(200)])
        check([result.content[0].text for result in many] == [str(number) for number in range(200)], "200 calls at once")
        many = await asyncio.gather(*[client.call_tool("Read", {"file_path": "a.txt"}) for number in range(200)])
        check(all(result.content[0].text == "1\tone\n2\t2\n3\t" for result in many), "200 reads at once")

        heard = []

        async def progress(number, total, message):
            heard.append((number, message))

        result = await client.call_tool("Bash", {"command": "for i in 1 2 3; do echo $i; sleep 0.4; done"}, progress_callback=progress)
        check(result.content[0].text == "1\n2\n3", "what progress is of")
        check("".join(message for _, message in heard).startswith("1\n2\n"), f"progress {heard}")
        check([number for number, _ in heard] == sorted({number for number, _ in heard}), f"progress {heard}")

        # A time that is over cancels the call, and that kills the command there.
        started = time.monotonic()
        try:
            await client.call_tool("Bash", {"command": "sleep 4333"}, read_timeout_seconds=1)
            check(False, "the time was never over")
        except Exception as error:
            check("timed out" in str(error) and time.monotonic() - started < 10, f"the time was over: {error}")
        task = asyncio.create_task(client.call_tool("Bash", {"command": "sleep 4334"}))
        await expect("Bash", {"command": "until pgrep -x -f 'sleep 4334'; do sleep 0.05; done"}, "")
        task.cancel()
        for number in (4333, 4334):
            await expect("Bash", {"command": f"while pgrep -x -f 'sleep {number}'; do sleep 0.05; done; echo gone", "timeout": 10000}, "gone")
        await expect("Bash", {"command": "pgrep -x -f 'sleep 4332' > /dev/null && echo runs"}, "runs")
    print(f"{mode}: {checks} checks held, with 200 calls at once, twice")


asyncio.run(main())
