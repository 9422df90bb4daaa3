import CExecutorPlatform
import PortalWire

/// What all recordings of the session have together.
final class RecordingBudget {
    private static let memory = 4 << 20
    private static let large: UInt64 = 64 << 20
    private static let small: UInt64 = 1 << 20
    private static let largeFiles = 8

    fileprivate var memoryBytes = 0
    private var files = 0
    /// Where the files are tried, in this order.
    fileprivate let directories: [[UInt8]]

    init(home: [UInt8]) {
        directories = [home + [UInt8]("/.cache/portal"), variable("TMPDIR") ?? [], [UInt8]("/tmp")]
    }

    /// A recording with more than this in memory writes it to its file.
    fileprivate var threshold: Int { memoryBytes > RecordingBudget.memory ? 8 * 1024 : Recording.memoryLength }

    fileprivate func openFile() -> RecordingFile {
        files += 1
        return RecordingFile(capacity: files <= RecordingBudget.largeFiles ? RecordingBudget.large : RecordingBudget.small)
    }

    fileprivate func closeFile() { files -= 1 }
}

/// What a background process printed: the newest in memory, older bytes in a file that is written around and around, the oldest forgotten.
///
/// Both streams are one sequence of bytes; where one stream follows the other is noted beside it.
final class Recording {
    fileprivate static let memoryLength = 64 * 1024
    private static let mostSwitches = 4096

    /// Where the bytes from a position on are: so many of one stream, in memory or in the file. None at the end.
    struct Place {
        var count: Int
        var isError: Bool
        var isStored: Bool
    }

    /// The oldest byte that is kept.
    private(set) var first: UInt64 = 0
    /// The byte that is printed next.
    var end: UInt64 { stored + UInt64(writing.count + memory.count) }
    var followers: [OutputRequest] = []
    /// The bytes before this one are in the file, or forgotten.
    private var stored: UInt64 = 0
    /// Being written to the file.
    private var writing: [UInt8] = []
    private var memory: [UInt8] = []
    /// Where a stream begins to follow the other: twice the byte's number, and one more where it is of standard error.
    private var switches: [UInt64] = []
    private(set) var file: RecordingFile?
    private var canStore = true
    private(set) var isForgotten = false
    private var onRoom: (() -> Void)?
    private let budget: RecordingBudget
    /// Where the newest bytes are once more, for whoever comes after this executor.
    private let record: ProcessRecord?

    init(_ budget: RecordingBudget, _ record: ProcessRecord?) {
        self.budget = budget
        self.record = record
        guard let record, record.isFormer else { return }
        memory = record.bytes
        budget.memoryBytes += memory.count
        first = record.first
        stored = first
        switches = record.changes
    }

    /// Whether more may be appended; otherwise the disk is waited for.
    var hasRoom: Bool { writing.isEmpty || memory.count < 2 * Recording.memoryLength }

    /// Takes what was printed next. The action is called when there is room again.
    func append(_ bytes: [UInt8], isError: Bool, session: Session, onRoom: @escaping () -> Void) {
        let bit: UInt64 = isError ? 1 : 0
        if switches.isEmpty || switches[switches.count - 1] & 1 != bit { addSwitch(end << 1 | bit) }
        memory.add(bytes)
        record?.append(bytes, isError: isError)
        budget.memoryBytes += bytes.count
        if memory.count > budget.threshold { store(session) }
        if !hasRoom { self.onRoom = onRoom }
        wakeFollowers(session)
    }

    private func addSwitch(_ entry: UInt64) {
        if switches.count == Recording.mostSwitches {
            var kept: [UInt64] = []
            for index in Recording.mostSwitches / 4..<switches.count { kept.add(switches[index]) }
            switches = kept
            first = max(first, switches[0] >> 1)
        }
        switches.add(entry)
    }

    func wakeFollowers(_ session: Session) {
        for follower in followers { session.markReady(follower) }
    }

    // MARK: Storing

    private func store(_ session: Session) {
        guard writing.isEmpty else { return }
        guard canStore else { return keepNewest() }
        let file = self.file ?? budget.openFile()
        self.file = file
        writing = memory
        memory = []
        let newEnd = stored + UInt64(writing.count)
        // What is about to be written over is not read any more.
        if newEnd > file.capacity { first = max(first, newEnd - file.capacity) }
        session.workers.submit(StoreJob(self, file, writing, at: stored, directories: budget.directories, session: session))
    }

    /// Without a file only so much is kept as the memory may hold.
    private func keepNewest() {
        let excess = memory.count - Recording.memoryLength
        guard excess >= Recording.memoryLength else { return }
        memory = memory.part(from: excess)
        budget.memoryBytes -= excess
        stored += UInt64(excess)
        first = max(first, stored)
    }

    fileprivate func didStore(_ isStored: Bool, _ session: Session) {
        guard !isForgotten else { return }
        if isStored {
            stored += UInt64(writing.count)
            budget.memoryBytes -= writing.count
        } else {
            // What the file has is not beside what follows any more, so the file goes; what could not be written is still here.
            canStore = false
            first = max(first, stored)
            memory = writing + memory
            closeFile()
        }
        writing = []
        if !canStore { keepNewest() } else if memory.count > budget.threshold { store(session) }
        let action = onRoom
        onRoom = nil
        action?()
    }

    private func closeFile() {
        if file != nil { budget.closeFile() }
        file = nil
    }

    /// Nobody will ask for it again.
    func forget() {
        isForgotten = true
        budget.memoryBytes -= writing.count + memory.count
        writing = []
        memory = []
        first = end
        closeFile()
    }

    // MARK: Reading

    /// For a position that is not forgotten.
    func place(of position: UInt64, most: Int) -> Place {
        guard position < end else { return Place(count: 0, isError: false, isStored: false) }
        var low = 0
        var high = switches.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if switches[middle] >> 1 <= position { low = middle } else { high = middle }
        }
        let isStored = position < stored
        var limit = stored + UInt64(writing.count)
        if isStored { limit = stored } else if position >= limit { limit = end }
        if high < switches.count { limit = min(limit, switches[high] >> 1) }
        return Place(count: Int(min(UInt64(most), limit - position)), isError: switches[low] & 1 != 0, isStored: isStored)
    }

    /// The bytes of a place in memory.
    func bytes(at position: UInt64, count: Int) -> [UInt8] {
        let offset = Int(position - stored)
        if offset < writing.count { return writing.part(offset, offset + count) }
        let start = offset - writing.count
        return memory.part(start, start + count)
    }
}

/// A recording's file, without a name. Made by the first job that writes to it; closed with the last that uses it.
final class RecordingFile {
    let capacity: UInt64
    private var descriptor: Int32 = -1

    init(capacity: UInt64) { self.capacity = capacity }

    deinit { if descriptor >= 0 { platform_close(descriptor) } }

    /// On a worker. Whether everything was written.
    fileprivate func write(_ bytes: [UInt8], at position: UInt64, directories: [[UInt8]]) -> Bool {
        if descriptor < 0 {
            for directory in directories where descriptor < 0 && !directory.isEmpty {
                descriptor = platform_open_unnamed(terminated(directory))
            }
            guard descriptor >= 0 else { return false }
        }
        var done = 0
        while done < bytes.count {
            let offset = (position + UInt64(done)) % capacity
            let count = min(bytes.count - done, Int(capacity - offset))
            let start = done
            let written = bytes.withUnsafeBytes { platform_write_at(descriptor, $0.baseAddress! + start, count, offset) }
            guard written > 0 else { return false }
            done += Int(written)
        }
        return true
    }

    /// On a worker. Fewer bytes, at least one, where the file's end is between them; none where the disk failed.
    fileprivate func read(_ count: Int, at position: UInt64) -> [UInt8] {
        let offset = position % capacity
        let most = min(count, Int(capacity - offset))
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: most, alignment: 16)
        defer { buffer.deallocate() }
        let taken = platform_read_at(descriptor, buffer, most, offset)
        return taken > 0 ? Array(UnsafeBufferPointer(start: buffer.assumingMemoryBound(to: UInt8.self), count: Int(taken))) : []
    }
}

private final class StoreJob: Job {
    private let recording: Recording
    private let file: RecordingFile
    private let bytes: [UInt8]
    private let position: UInt64
    private let directories: [[UInt8]]
    private let session: Session
    private var isStored = false

    init(_ recording: Recording, _ file: RecordingFile, _ bytes: [UInt8], at position: UInt64, directories: [[UInt8]], session: Session) {
        self.recording = recording
        self.file = file
        self.bytes = bytes
        self.position = position
        self.directories = directories
        self.session = session
    }

    override func run() { isStored = file.write(bytes, at: position, directories: directories) }
    override func finish() { recording.didStore(isStored, session) }
}

/// Reads a piece of a recording's file for one request.
final class RecordedJob: Job {
    private let request: OutputRequest
    private let file: RecordingFile
    private let count: Int
    private let position: UInt64
    private var bytes: [UInt8] = []

    init(_ request: OutputRequest, _ file: RecordingFile, count: Int, at position: UInt64) {
        self.request = request
        self.file = file
        self.count = count
        self.position = position
    }

    override func run() { if !isGivenUp { bytes = file.read(count, at: position) } }
    override func finish() { request.didRead(bytes) }
}
