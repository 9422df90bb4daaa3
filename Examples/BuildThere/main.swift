// Writes a small C program on several hosts at once, compiles and runs it there, and shows what each prints as it prints it.
//
//     swift run build-there arm-box:/tmp/hello x86-box:/tmp/hello

import Portal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

let targets = Array(CommandLine.arguments.dropFirst())
guard !targets.isEmpty else {
    print("usage: build-there TARGET:DIRECTORY…")
    exit(64)
}

let source = """
    #include <stdio.h>
    #include <sys/utsname.h>
    int main(void) {
        struct utsname host;
        uname(&host);
        for (int line = 1; line <= 3; line++) {
            printf("%d: built and run on %s (%s)\\n", line, host.nodename, host.machine);
            fflush(stdout);
        }
        return 0;
    }
    """

/// Builds and runs it on one host. Throws where the host cannot be reached; a compiler that fails is no error of portal's.
func build(_ target: String) async throws -> Bool {
    let box = try await Workspace.connect(target)
    try await box.makeDirectory(".", parents: true)
    try await box.write(Array(source.utf8), to: "hello.c")

    let compiler = try await box.run(RemoteCommand("cc", ["-O2", "-o", "hello", "hello.c"]))
    guard compiler.end.code == 0 else {
        print("\(target): the compiler said:\n\(String(decoding: compiler.errors, as: UTF8.self))")
        return false
    }
    let program = try await box.start(RemoteCommand("./hello"))
    for await piece in program.output {
        for line in piece.bytes.split(separator: 0x0A) { print("\(target): \(String(decoding: line, as: UTF8.self))") }
    }
    return try await program.end().shellStatus == 0
}

let failures = await withTaskGroup(of: Bool.self) { group in
    for target in targets {
        group.addTask {
            do { return try await build(target) } catch {
                print("\(target): \(error)")
                return false
            }
        }
    }
    var failures = 0
    for await succeeded in group where !succeeded { failures += 1 }
    return failures
}
exit(failures == 0 ? 0 : 1)
