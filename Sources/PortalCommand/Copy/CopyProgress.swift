#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Dispatch
import Synchronization

/// How far a copy is, and the line that says so where standard error is a terminal.
final class CopyProgress: Sendable {
    private struct State {
        var files: UInt64 = 0
        var filesDone: UInt64 = 0
        var bytes: UInt64 = 0
        var bytesDone: UInt64 = 0
        /// Bytes that were there from an earlier copy, or are hashed only: they say nothing of the rate.
        var bytesSkipped: UInt64 = 0
        var name: [UInt8] = []
        var isShown = false
        /// The last seconds' marks, for the rate.
        var marks: [(time: UInt64, bytes: UInt64)] = []
    }

    private static let intervalMilliseconds = 100
    /// A copy that is over sooner has no bar.
    private static let delayMilliseconds = 500
    private static let rateSeconds: UInt64 = 5

    private let state = Mutex(State())
    // Made in `init`; `cancel` may be called from anywhere.
    nonisolated(unsafe) private let timer: (any DispatchSourceTimer)?

    /// - Parameter shows: Whether the line is wanted and standard error can show it.
    init(shows: Bool) {
        guard shows, isatty(2) == 1 else {
            timer = nil
            return
        }
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "portal.progress"))
        self.timer = timer
        timer.schedule(
            deadline: .now() + .milliseconds(CopyProgress.delayMilliseconds), repeating: .milliseconds(CopyProgress.intervalMilliseconds))
        timer.setEventHandler { [weak self] in self?.draw() }
        timer.activate()
    }

    func found(files: UInt64, bytes: UInt64) {
        state.withLock {
            $0.files += files
            $0.bytes += bytes
        }
    }

    func begins(_ name: [UInt8]) { state.withLock { $0.name = name } }

    func moved(_ bytes: Int) { state.withLock { $0.bytesDone += UInt64(bytes) } }

    func skipped(_ bytes: UInt64) {
        state.withLock {
            $0.bytesDone += bytes
            $0.bytesSkipped += bytes
        }
    }

    /// A file is done; `missing` bytes of it were not copied after all.
    func finished(missing: UInt64 = 0) {
        state.withLock {
            $0.filesDone += 1
            $0.bytesDone += missing
            $0.bytesSkipped += missing
        }
    }

    /// Counts bytes as not copied again, since they have to be copied anew.
    func undo(moved: UInt64, skipped: UInt64) {
        state.withLock {
            $0.bytesDone -= min($0.bytesDone, moved + skipped)
            $0.bytesSkipped -= min($0.bytesSkipped, skipped)
        }
    }

    /// Prints a line of text where the bar is, and the bar below it at the next turn.
    func say(_ line: String) {
        state.withLock { state in
            wipe(&state)
            complain(line)
        }
    }

    /// Takes the bar away.
    func end() {
        timer?.cancel()
        state.withLock { wipe(&$0) }
    }

    private func wipe(_ state: inout State) {
        guard state.isShown else { return }
        writeAll(2, Array("\r\u{1B}[K".utf8))
        state.isShown = false
    }

    private func draw() {
        // A job in the background must not write over another's lines.
        guard tcgetpgrp(2) == getpgrp() else { return }
        state.withLock { state in
            let now = DispatchTime.now().uptimeNanoseconds
            state.marks.append((now, state.bytesDone - min(state.bytesDone, state.bytesSkipped)))
            while let first = state.marks.first, now - first.time > CopyProgress.rateSeconds * 1_000_000_000 { state.marks.removeFirst() }
            var size = winsize()
            let columns = ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
            let line = CopyProgress.line(
                name: Path.shown(state.name), files: state.files, filesDone: state.filesDone, bytes: state.bytes,
                bytesDone: state.bytesDone,
                rate: CopyProgress.rate(state.marks), columns: columns)
            writeAll(2, Array("\r\(line)\u{1B}[K".utf8))
            state.isShown = true
        }
    }

    /// Bytes a second between the first and the last mark; nil where there is nothing to tell it from.
    static func rate(_ marks: [(time: UInt64, bytes: UInt64)]) -> Double? {
        guard let first = marks.first, let last = marks.last, last.time > first.time, last.bytes >= first.bytes else { return nil }
        return Double(last.bytes - first.bytes) * 1e9 / Double(last.time - first.time)
    }

    /// The line, at most `columns` − 1 characters long, so that it never wraps.
    static func line(
        name: String, files: UInt64, filesDone: UInt64, bytes: UInt64, bytesDone: UInt64, rate: Double?, columns: Int
    ) -> String {
        let percent = bytes == 0 ? 100 : min(100, bytesDone * 100 / bytes)
        var right = " \(percent)%  \(amount(Double(bytesDone))) of \(amount(Double(bytes)))"
        if files > 1 { right += "  \(filesDone) of \(files) files" }
        if let rate {
            right += "  \(amount(rate))/s"
            if rate > 1, bytes > bytesDone { right += "  \(duration(Double(bytes - bytesDone) / rate)) left" }
        }
        let room = columns - 1 - right.count
        guard room >= 8 else { return String(right.dropFirst().prefix(max(0, columns - 1))) }
        // A name's end says more than its start. Its characters may be two columns wide each: half as many are safe.
        let isWide = name.unicodeScalars.contains { $0.value >= 0x1100 }
        let most = min(isWide ? room / 2 : room, 40)
        return (name.count <= most ? name : "…" + name.suffix(most - 1)) + right
    }

    static func amount(_ bytes: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = bytes
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = Int((value * 10).rounded())
        return unit == 0 || tenths >= 1000 ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    static func duration(_ seconds: Double) -> String {
        guard seconds < 360_000 else { return "days" }
        let whole = Int(seconds.rounded(.up))
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return whole < 3600 ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
    }
}
