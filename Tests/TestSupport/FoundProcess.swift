import Foundation

/// A process of this machine as /proc shows it.
public struct FoundProcess: Sendable, Hashable {
    /// Its number.
    public var pid: pid_t
    /// Its parent's.
    public var parent: pid_t
    /// When it was started, in the kernel's ticks: with the number, what no other process has.
    public var started: UInt64
    /// Its arguments, with spaces between them.
    public var command: String
    /// Its threads.
    public var threads: Int

    /// The processes that have an entry, such as `NAME=value`, in the environment that they were started with. Zombies are not counted.
    public static func all(withEnvironment entry: String) -> [FoundProcess] {
        let wanted = Data(entry.utf8)
        return ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { name in
            guard let pid = pid_t(name), let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ"),
                environment.split(separator: 0).contains(wanted)
            else { return nil }
            return FoundProcess(pid)
        }
    }

    /// A process that lives.
    public init?(_ pid: pid_t) {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        // Behind the name: state, parent, …; the 18th is the number of threads and the 20th the time of the start.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X", let parent = pid_t(fields[1]), let threads = Int(fields[17]),
            let started = UInt64(fields[19])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.threads = threads
        self.started = started
        command = Tool.commandLine(of: pid)
    }

    /// Resident memory in KB of 1024.
    public var residentKilobytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.dropFirst(6).trimmingCharacters(in: .letters.union(.whitespaces))) } ?? 0
    }

    /// Open descriptors.
    public var descriptors: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0 }
}
