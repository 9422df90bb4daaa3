import CExecutorPlatform
import PortalWire

/// One request's data for a process's standard input.
final class InputSource {
    fileprivate let owner: OpenRequest
    fileprivate var chunks: [[UInt8]] = []
    fileprivate var offset = 0
    fileprivate var hasEnded = false
    /// Whether the process's input ends with it.
    fileprivate let endsInput: Bool
    /// Whether a terminal still has to get the byte that a keyboard sends for the end of input.
    fileprivate var owesEnd: Bool
    /// Called once: with nil when the pipe took everything, else with what was in the way.
    fileprivate let completion: (Literal?) -> Void

    init(owner: OpenRequest, endsInput: Bool, sendsEnd: Bool = false, completion: @escaping (Literal?) -> Void) {
        self.owner = owner
        self.endsInput = endsInput
        owesEnd = sendsEnd
        self.completion = completion
    }
}

/// A process's standard input: sources one after the other, each written as the pipe takes it. To a terminal whoever has something may
/// write while another source is open: that is how a second person types.
final class ProcessInput {
    private static let endOfTransmission: [UInt8] = [4]

    private let loop: EventLoop
    private let isTerminal: Bool
    private var descriptor: Int32 = -1
    private var watch: Watch?
    private var sources: [InputSource] = []
    /// Set when nothing can be written any more.
    private var closedBecause: Literal?

    init(loop: EventLoop, isTerminal: Bool) {
        self.loop = loop
        self.isTerminal = isTerminal
    }

    /// The process has started.
    func open(_ descriptor: Int32) {
        self.descriptor = descriptor
        watch = loop.watch(descriptor, EventLoop.writable | EventLoop.edge) { [self] _ in flush() }
        flush()
    }

    func add(_ source: InputSource) {
        if let closedBecause { return refuse(source, closedBecause) }
        sources.add(source)
    }

    func append(_ bytes: [UInt8], end: Bool, to source: InputSource) {
        if end { source.hasEnded = true }
        if closedBecause != nil {
            source.owner.consumed(bytes.count)
            return
        }
        if !bytes.isEmpty { source.chunks.add(bytes) }
        flush()
    }

    /// A source is given up; what was written of it was written.
    func remove(_ source: InputSource) {
        PortalExecutor.remove(source, from: &sources)
        flush()
    }

    /// Nothing is written any more, and whoever waits is told why.
    func close(_ reason: Literal) {
        guard closedBecause == nil else { return }
        closedBecause = reason
        if let watch { loop.unwatch(watch) }
        if descriptor >= 0 { platform_close(descriptor) }
        descriptor = -1
        let rest = sources
        sources = []
        for source in rest { refuse(source, reason) }
    }

    private func refuse(_ source: InputSource, _ reason: Literal) {
        let left = source.chunks.reduce(0) { $0 + $1.count } - source.offset
        source.chunks = []
        source.offset = 0
        if left > 0 { source.owner.consumed(left) }
        source.completion(reason)
    }

    private func flush() {
        var index = 0
        while descriptor >= 0, index < sources.count {
            let source = sources[index]
            while let chunk = source.chunks.first {
                guard let count = write(chunk, from: source.offset) else { return }
                source.offset += count
                if source.offset == chunk.count {
                    source.chunks.removeFirst()
                    source.offset = 0
                }
                source.owner.consumed(count)
            }
            guard source.hasEnded else {
                guard isTerminal else { return }
                index += 1
                continue
            }
            if source.owesEnd {
                guard write(ProcessInput.endOfTransmission, from: 0) != nil else { return }
                source.owesEnd = false
            }
            PortalExecutor.remove(source, from: &sources)
            source.completion(nil)
            if source.endsInput { return close("the process's input has ended") }
        }
    }

    /// How many bytes were taken; nil where none are for now, or none ever again.
    private func write(_ bytes: [UInt8], from start: Int) -> Int? {
        let count = bytes.withUnsafeBytes { platform_write(descriptor, $0.baseAddress! + start, $0.count - start) }
        if count >= 0 { return Int(count) }
        if platform_errno_name(Int32(count)) != PLATFORM_EAGAIN { close("the process has closed its input") }
        return nil
    }
}
