import Foundation

/// A terminal with a program on it, as a person has one: keys go in, the screen is looked at. It is a tmux of its own.
///
/// `@unchecked Sendable`: everything is constant after `init`.
public final class TerminalDriver: @unchecked Sendable {
    private let socket = "portal-test-\(UUID().uuidString.prefix(8))"

    /// Starts a shell's text on a new terminal. When it has ended, the screen stays.
    public init(_ command: String, columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]) throws {
        let assignments = environment.sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
        // The last command keeps the terminal; it ends with the terminal.
        try tmux("new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "env -u TMUX \(assignments) sh -c '\(quoted(command))'; cat")
        try tmux("set-option", "-g", "status", "off")
        try tmux("set-option", "-g", "window-size", "manual")
        try tmux("resize-window", "-x", "\(columns)", "-y", "\(rows)")
    }

    deinit { _ = try? tmux("kill-server") }

    private func quoted(_ text: String) -> String { text.replacingOccurrences(of: "'", with: "'\\''") }

    @discardableResult
    private func tmux(_ arguments: String...) throws -> String {
        let file = "/tmp/\(socket).out"
        defer { unlink(file) }
        let child = try Child(["tmux", "-L", socket, "-f", "/dev/null"] + arguments, output: file)
        guard waitUntil(seconds: 20, { !child.isRunning }), child.ended == 0 else {
            child.end()
            throw TestFailure("tmux \(arguments.joined(separator: " ")) failed")
        }
        return (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
    }

    /// What is on the screen, each line without the spaces at its end.
    public var screen: String { (try? tmux("capture-pane", "-p")) ?? "" }

    /// Types text as it is.
    public func type(_ text: String) throws { try tmux("send-keys", "-l", "--", text) }

    /// Presses a key by tmux's name for it: `Enter`, `Escape`, `C-z`.
    public func press(_ key: String) throws { try tmux("send-keys", key) }

    /// Types a line.
    public func enter(_ line: String) throws {
        try type(line)
        try press("Enter")
    }

    /// Makes the terminal larger or smaller.
    public func resize(columns: Int, rows: Int) throws { try tmux("resize-window", "-x", "\(columns)", "-y", "\(rows)") }

    /// Waits until the screen is as it should be. Throws with the screen that it is otherwise.
    public func wait(for what: String, seconds: Double = 20, _ condition: (String) -> Bool) async throws {
        guard await eventually(seconds: seconds, { condition(screen) }) else { throw TestFailure("no \(what) on the screen:\n\(screen)") }
    }

    /// Waits until a text is on the screen.
    public func wait(for text: String, seconds: Double = 20) async throws {
        try await wait(for: text, seconds: seconds) { $0.contains(text) }
    }
}
