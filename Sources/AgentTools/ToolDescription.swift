import DoorSupport
import PortalWire

/// A tool as it is shown to models.
public struct ToolDescription: Sendable {
    /// Its name.
    public let name: String
    /// What it does, for a model.
    public let about: String
    /// A name for people.
    public let title: String
    /// Whether it changes nothing on the host.
    public let isReadOnly: Bool
    /// Whether what it changes may be lost by that.
    public let isDestructive: Bool
    /// Whether the same call once more changes nothing more.
    public let isIdempotent: Bool
    let parameters: [ToolParameter]

    /// Its parameters as JSON Schema.
    public var inputSchema: JSONValue {
        [
            "type": "object",
            "properties": .object(parameters.map { ("\($0.name)", $0.schema) }),
            "required": .array(parameters.filter(\.isRequired).map { .text("\($0.name)") }),
            "additionalProperties": false,
        ]
    }
}

extension ToolDescription {
    /// The tools, always in this order.
    /// - Parameter hosts: The names of the hosts; with more than one, every tool has the parameter `host`.
    static func all(hosts: [String]) -> [ToolDescription] {
        let host: [ToolParameter] =
            hosts.count < 2 ? [] : [ToolParameter("host", .choice(hosts), required: true, "Which machine it is about.")]
        func tool(
            _ name: String, _ title: String, readOnly: Bool = false, destructive: Bool = false, idempotent: Bool = false,
            _ about: String, _ parameters: [ToolParameter]
        ) -> ToolDescription {
            ToolDescription(
                name: name, about: about, title: title, isReadOnly: readOnly, isDestructive: destructive,
                isIdempotent: readOnly || idempotent, parameters: parameters + host)
        }
        return [
            tool("Bash", "Run a command", destructive: true, bash, bashParameters),
            tool("Read", "Read a file", readOnly: true, read, readParameters),
            tool("Write", "Write a file", destructive: true, idempotent: true, write, writeParameters),
            tool("Edit", "Edit a file", destructive: true, edit, editParameters),
            tool("Grep", "Search in files", readOnly: true, grep, grepParameters),
            tool("Glob", "Find files", readOnly: true, glob, globParameters),
            tool("List", "List a directory", readOnly: true, list, listParameters),
            tool("BashOutput", "Read a command's output", readOnly: true, bashOutput, bashOutputParameters),
            tool("KillBash", "End a command", destructive: true, idempotent: true, killBash, [identifier]),
            tool("Wait", "Wait for a command", readOnly: true, wait, [identifier, waitTimeout]),
            tool("Host", "What machine this is", readOnly: true, self.host, []),
        ]
    }

    // MARK: Bash and what it starts

    private static let bash = """
        Runs a command in a shell on the remote host and returns what it printed, on both streams, in its order.

        - The working directory is kept between calls; other state of the shell is not.
        - After `timeout` milliseconds (120000 if missing, at most 600000) the command is not killed but goes on in the background; BashOutput, Wait and KillBash take the ID that is then given.
        - With run_in_background it returns at once with such an ID.
        - Output beyond 30000 characters is cut in the middle; the rest stays on the host, and BashOutput reads it with the ID and an offset that are given at the cut.
        - Standard input is empty. Prefer Read, Edit, Write, Grep and Glob for files.
        """
    private static let bashParameters = [
        ToolParameter("command", .text, required: true, "The command to run."),
        ToolParameter("timeout", .integer(1...Int.max), "Milliseconds before it is moved to the background; at most 600000."),
        ToolParameter("description", .text, "What the command does, in a few words."),
        ToolParameter("run_in_background", .flag, "Return at once, and let it run."),
    ]
    private static let identifier = ToolParameter(
        "bash_id", .text, required: true, synonyms: ["shell_id"], "The ID that Bash gave.")

    private static let bashOutput = """
        Returns what a command printed since the last look at it, and whether it still runs. With `offset`, instead, a range of everything that it \
        printed, counted in bytes.
        """
    private static let bashOutputParameters = [
        identifier,
        ToolParameter("offset", .integer(0...Int.max), "The first byte wanted; without it, what is new."),
        ToolParameter("limit", .integer(1...30000), "With offset: the most bytes, 30000 if missing."),
    ]
    private static let killBash = "Ends a command that Bash started, with everything that it started."
    private static let wait = """
        Waits until a command in the background has ended, or for `timeout` milliseconds, and returns what it printed since the last look at it.
        """
    private static let waitTimeout = ToolParameter(
        "timeout", .integer(1...Int.max), "The most milliseconds to wait: 120000 if missing, at most 600000.")

    // MARK: Files

    private static let path = ToolParameter(
        "file_path", .text, required: true, synonyms: ["path"], "The file's path on the remote host; relative ones start at the workspace.")

    private static let read = """
        Reads a file on the remote host. Text comes with line numbers, each followed by a tab; up to 2000 lines from the start unless offset and limit \
        say otherwise, and lines are cut after 2000 characters. Pictures (png, jpeg, gif, webp) come as pictures, notebooks (.ipynb) as their cells. \
        A file must have been read before it is edited or overwritten.
        """
    private static let readParameters = [
        path,
        ToolParameter("offset", .integer(0...Int.max), "The first line, from 1."),
        ToolParameter("limit", .integer(1...Int.max), "The most lines."),
        ToolParameter("allow_large", .flag, "Whether the result may have 2 MB, and not 256 KB."),
    ]
    private static let write = """
        Writes a file on the remote host, with the directories that are missing. A file that exists is replaced as one step, and must have been read \
        before.
        """
    private static let writeParameters = [path, ToolParameter("content", .text, required: true, "The whole new content.")]
    private static let edit = """
        Replaces an exact text in a file on the remote host; it must be there once, or replace_all be set. The file must have been read before, and not \
        changed since.
        """
    private static let editParameters = [
        path,
        ToolParameter("old_string", .text, required: true, "The text to replace, with its white space, without line numbers."),
        ToolParameter("new_string", .text, required: true, "What comes in its place."),
        ToolParameter("replace_all", .flag, "Replace each occurrence."),
    ]

    // MARK: Searching

    private static let grep = """
        Searches files on the remote host for a regular expression, as ripgrep does. Hidden files are searched, ignored ones are not. output_mode: \
        files_with_matches (paths, the last modified first; if missing), content (lines), count (matching lines of each file).
        """
    private static let grepParameters = [
        ToolParameter("pattern", .text, required: true, "The regular expression, in ripgrep's syntax."),
        ToolParameter("path", .text, "The file or directory to search; the workspace if missing."),
        ToolParameter("glob", .text, "Only files that match it, such as *.js or *.{ts,tsx}."),
        ToolParameter("type", .text, "Only files of this type, such as js, py, rust, go."),
        ToolParameter("output_mode", .choice(["content", "files_with_matches", "count"]), "What is given of the matches."),
        ToolParameter("-A", .integer(0...1000), "Lines to show after each match; for content."),
        ToolParameter("-B", .integer(0...1000), "Lines to show before each match; for content."),
        ToolParameter("-C", .integer(0...1000), "Lines to show around each match; for content."),
        ToolParameter("context", .integer(0...1000), "The same as -C."),
        ToolParameter("-n", .flag, "Show line numbers; for content. True if missing."),
        ToolParameter("-i", .flag, "Upper and lower case are the same."),
        ToolParameter("-o", .flag, "Only the matching parts; needs ripgrep on the host."),
        ToolParameter("multiline", .flag, "Let matches span lines; needs ripgrep on the host."),
        ToolParameter("head_limit", .integer(0...Int.max), "The most lines or files: 250 if missing, 0 for all."),
        ToolParameter("offset", .integer(0...Int.max), "How many lines or files to leave out at the beginning."),
    ]
    private static let glob = """
        Finds files on the remote host by a glob such as **/*.js or src/**/*.{c,h}, hidden and ignored ones too. Gives at most 100 paths, the last \
        modified at the end.
        """
    private static let globParameters = [
        ToolParameter("pattern", .text, required: true, "The glob."),
        ToolParameter("path", .text, "The directory to search; the workspace if missing."),
    ]
    private static let list = "Lists a directory on the remote host: names, with / behind directories, and sizes of files in bytes."
    private static let listParameters = [
        ToolParameter("path", .text, "The directory; the workspace if missing."),
        ToolParameter("depth", .integer(1...16), "How many levels, 1 if missing."),
        ToolParameter("ignore", .texts, "Globs, as in a .gitignore, of what is left out."),
    ]
    private static let host = """
        Tells what machine the tools act on: its name, system, architecture, account and directories, and the connection to it.
        """
}
