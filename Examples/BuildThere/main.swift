// Writes a small C program on a host, compiles and runs it there, and shows what it prints as it prints it.
//
//     swift run build-there arm-box:/tmp/hello

import Portal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

guard CommandLine.arguments.count == 2 else {
    print("usage: build-there TARGET:DIRECTORY")
    exit(64)
}

let source = """
    #include <stdio.h>
    #include <sys/utsname.h>
    #include <unistd.h>
    int main(void) {
        struct utsname host;
        uname(&host);
        for (int line = 1; line <= 3; line++) {
            printf("%d: built and run on %s (%s)\\n", line, host.nodename, host.machine);
            fflush(stdout);
            usleep(200000);
        }
        return 0;
    }
    """

do {
    let box = try await Workspace.connect(CommandLine.arguments[1])
    try await box.makeDirectory(".", parents: true)
    try await box.write(Array(source.utf8), to: "hello.c")

    let compiler = try await box.run(RemoteCommand("cc", ["-O2", "-o", "hello", "hello.c"]))
    guard compiler.end.code == 0 else {
        print("the compiler said:\n\(String(decoding: compiler.errors, as: UTF8.self))")
        exit(1)
    }
    let program = try await box.start(RemoteCommand("./hello"))
    for await piece in program.output { print(String(decoding: piece.bytes, as: UTF8.self), terminator: "") }
    exit(try await program.end().shellStatus)
} catch {
    print(error)
    exit(1)
}
