import Foundation

/// A file system that never answers: FUSE, with nobody who serves it. Only root can have one.
final class StuckDisk {
    let path: String
    private let device: Int32

    static let isPossible = geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0

    init() throws {
        path = NSTemporaryDirectory() + "/portal-stuck-" + UUID().uuidString
        device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        guard device >= 0, mkdir(path, 0o755) == 0,
            mount("portal-test", path, "fuse", 0, "fd=\(device),rootmode=40000,user_id=0,group_id=0") == 0
        else { throw ExecutorClient.Failure(description: "no file system that never answers: errno \(errno)") }
    }

    deinit {
        // Whoever waits for it gets an error then.
        close(device)
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }
}
