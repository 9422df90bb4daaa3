import Foundation

/// An executor binary that captures are played against.
struct ExecutorProgram: Sendable, CustomStringConvertible {
    var description: String
    /// The command line before `serve TOKEN`.
    var command: [String]

    /// The executor of this build, and the images where they were built and can run here.
    static let all: [ExecutorProgram] = {
        var programs: [ExecutorProgram] = []
        var absent: [String] = []
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let built = [own, URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()].map {
            $0.appending(path: "portal-executor").path
        }
        if let path = built.first(where: { access($0, X_OK) == 0 }) {
            programs.append(ExecutorProgram(description: "portal-executor", command: [path]))
        } else {
            absent.append("portal-executor (not beside the tests)")
        }
        let images = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Images")
        let emulators = ["x86_64": "x86_64", "aarch64": "aarch64", "armv7": "arm", "i686": "i386", "riscv64": "riscv64"]
        for (machine, emulator) in emulators.sorted(by: { $0.key < $1.key }) {
            let image = images.appending(path: "executor-\(machine)").path
            guard access(image, X_OK) == 0 else {
                absent.append("executor-\(machine) (no image)")
                continue
            }
            if machine == nativeMachine {
                programs.append(ExecutorProgram(description: "executor-\(machine)", command: [image]))
            } else if let path = find("qemu-\(emulator)-static") ?? find("qemu-\(emulator)") {
                programs.append(ExecutorProgram(description: "executor-\(machine) under qemu", command: [path, image]))
            } else {
                absent.append("executor-\(machine) (no qemu-\(emulator)-static)")
            }
        }
        print(
            "golden captures run against: \(programs.map(\.description).joined(separator: ", "))\(absent.isEmpty ? "" : "; not against: " + absent.joined(separator: ", "))"
        )
        return programs
    }()

    private static let nativeMachine: String = {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #elseif arch(riscv64)
            "riscv64"
        #else
            "another"
        #endif
    }()

    private static func find(_ name: String) -> String? {
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
