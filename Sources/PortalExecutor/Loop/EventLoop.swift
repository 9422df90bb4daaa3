import CExecutorPlatform

/// One descriptor that the event loop looks at.
final class Watch {
    let descriptor: Int32
    /// What its events say. No number comes twice, so one that is on its way when its watch goes is recognized.
    fileprivate let number: UInt64
    fileprivate var interests: UInt32
    fileprivate var action: ((UInt32) -> Void)?

    fileprivate init(descriptor: Int32, number: UInt64, interests: UInt32, action: @escaping (UInt32) -> Void) {
        self.descriptor = descriptor
        self.number = number
        self.interests = interests
        self.action = action
    }
}

/// Descriptors, timers and the workers' completions, one thread, one turn after the other.
final class EventLoop {
    static let readable = UInt32(PLATFORM_READABLE)
    static let writable = UInt32(PLATFORM_WRITABLE)
    static let edge = UInt32(PLATFORM_EDGE)
    private static let eventTag = UInt64.max

    /// Signalled by workers and signal handlers; a turn then calls `onEvent`.
    let event: Int32
    var onEvent: (() -> Void)?
    private(set) var timers = TimerQueue()
    private let poller: Int32
    private var watches = NumberTable<Watch>()
    private var lastNumber: UInt64 = 0
    /// Regular files, which the poller refuses since they are always ready.
    private var alwaysReady: [Watch] = []
    private let events = UnsafeMutablePointer<platform_event>.allocate(capacity: 64)

    init?() {
        poller = platform_poller_create()
        event = platform_event_create()
        guard poller >= 0, event >= 0 else { return nil }
        // By edge: a signal is seen once and nothing has to be read back.
        guard platform_poller_control(poller, 0, event, EventLoop.readable | EventLoop.edge, EventLoop.eventTag) == 0 else { return nil }
    }

    deinit { events.deallocate() }

    /// Looks at a descriptor until `unwatch`. With `edge`, the action is called once for each change and reads or writes until it would wait.
    func watch(_ descriptor: Int32, _ interests: UInt32, action: @escaping (UInt32) -> Void) -> Watch {
        lastNumber += 1
        let watch = Watch(descriptor: descriptor, number: lastNumber, interests: interests, action: action)
        watches.insert(watch, for: lastNumber)
        if platform_poller_control(poller, 0, descriptor, interests, lastNumber) < 0 { alwaysReady.add(watch) }
        return watch
    }

    func setInterests(_ watch: Watch, _ interests: UInt32) {
        guard watch.interests != interests else { return }
        watch.interests = interests
        _ = platform_poller_control(poller, 1, watch.descriptor, interests, watch.number)
    }

    /// Stops looking.
    func unwatch(_ watch: Watch) {
        guard watches.remove(watch.number) != nil else { return }
        _ = platform_poller_control(poller, 2, watch.descriptor, 0, 0)
        remove(watch, from: &alwaysReady)
        watch.action = nil
    }

    /// Calls the action after so many milliseconds, unless the timer is cancelled.
    func after(_ milliseconds: UInt64, action: @escaping () -> Void) -> Timer {
        let timer = Timer(deadline: platform_clock() + milliseconds * 1_000_000, action: action)
        timers.insert(timer)
        return timer
    }

    /// Waits for what comes next and acts on it. With `isBusy` it only looks.
    func turn(isBusy: Bool) {
        var timeout: Int32 = -1
        if isBusy || alwaysReady.contains(where: { $0.interests != 0 }) {
            timeout = 0
        } else if let deadline = timers.nextDeadline {
            let now = platform_clock()
            // Rounded up: a turn that wakes before its timer would only come again.
            timeout = deadline <= now ? 0 : Int32(min((deadline - now) / 1_000_000 + 1, 3_600_000))
        }
        let count = platform_poller_wait(poller, events, 64, timeout)
        for index in 0..<Int(max(count, 0)) {
            let event = events[index]
            if event.tag == EventLoop.eventTag {
                onEvent?()
                continue
            }
            watches[event.tag]?.action?(event.ready)
        }
        for watch in alwaysReady where watch.interests != 0 { watch.action?(watch.interests) }
        if let deadline = timers.nextDeadline {
            let now = platform_clock()
            if deadline <= now { while let timer = timers.takeDue(now) { timer.fire() } }
        }
    }
}
