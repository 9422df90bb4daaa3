import NIOCore
import PortalWire

// Where systemd's logind ends what a login leaves behind (KillUserProcesses), an executor that waits for its next link would not live to see it.

/// Keeps an executor from its login's end, and finds out what ends it all the same.
enum LoginEnd {
    private enum Status {
        static let lingers: Int32 = 40
        static let withLogins: Int32 = 41
        static let withLogin: Int32 = 42
    }
    private static let deadlineMilliseconds: UInt64 = 5000
    /// Is there where systemd is the first process.
    static let systemdDirectory = Array("/run/systemd/system".utf8)

    /// A process on the host that looks, and says by its status what there is.
    ///
    /// A scope of the user's own systemd is outlived by no login that is not there any more: where the user lingers that systemd stays, else it ends
    /// with the user's last login. So the executor and its supervisor are put into one, and what they started before that, too. Nothing is moved
    /// where logind would not kill: the login's own scope is then the better place, which nobody stops. (A scope takes processes later only where it is
    /// delegated.)
    static let request: ProcessStartRequest = {
        let script = """
            exec >/dev/null 2>&1
            executor=$PPID
            user=$(id -un)
            outcome=\(Status.withLogins)
            [ -e "/var/lib/systemd/linger/$user" ] && outcome=\(Status.lingers)
            grep -q '/portal-[0-9]*\\.scope' /proc/$executor/cgroup && exit $outcome
            grep -q '/session-[^/]*\\.scope' /proc/$executor/cgroup || exit 0
            logind() { busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager "$1"; }
            [ "$(logind KillUserProcesses)" = "b true" ] || exit 0
            case "$(logind KillExcludeUsers)" in *"\\"$user\\""*) exit 0;; esac
            case "$(logind KillOnlyUsers)" in ""|"as 0"|*"\\"$user\\""*) ;; *) exit 0;; esac
            while read -r name value; do [ "$name" = PPid: ] && supervisor=$value; done </proc/$executor/status
            [ /proc/$supervisor/exe -ef /proc/$executor/exe ] || exit 0
            : "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"
            export XDG_RUNTIME_DIR
            scope=portal-$executor.scope
            manager() { busctl --user call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "$@"; }
            manager StartTransientUnit 'ssa(sv)a(sa(sv))' $scope fail 2 Delegate b true PIDs au 2 $executor $supervisor 0 || exit \(Status.withLogin)
            tries=0
            until grep -q "/$scope" /proc/$executor/cgroup; do
                tries=$((tries+1))
                [ $tries -lt 30 ] || exit \(Status.withLogin)
                sleep 0.1
            done
            below() { for child in $(cat /proc/$1/task/*/children); do [ $child = $$ ] || echo $child; below $child; done; }
            for process in $(below $executor); do manager AttachProcessesToUnit ssau $scope "" 1 $process; done
            exit $outcome
            """
        var request = ProcessStartRequest(command: .arguments([Array("/bin/sh".utf8), Array("-c".utf8), Array(script.utf8)]))
        request.login = false
        request.timeoutMilliseconds = deadlineMilliseconds
        return request
    }()

    /// What that process found out. Where it did not end well, nothing is known.
    static func end(_ answer: Message) -> ProxyStatus.LoginEnd? {
        guard case .result(_, let result) = answer else { return nil }
        switch ProcessEnd(result)?.code {
        case Status.withLogins: return .withLogins
        case Status.withLogin: return .withLogin
        default: return nil
        }
    }
}

extension Proxy {
    /// Asked once of each executor, beside what clients ask.
    func examineLogin() {
        guard configuration.lingerSeconds > 0, let epoch = link.place?.epoch, epoch != examinedEpoch else { return }
        examinedEpoch = epoch
        loginEnd = nil
        // Without systemd nothing needs to be started there.
        request(FileStatRequest.operation, parameters: { $0.member("path", bytes: LoginEnd.systemdDirectory) }) { [weak self] answer in
            guard case .result = answer, let self, epoch == examinedEpoch else { return }
            request(ProcessStartRequest.operation, parameters: { LoginEnd.request.write(to: &$0) }) { [weak self] answer in
                guard let self, epoch == examinedEpoch else { return }
                loginEnd = LoginEnd.end(answer)
                if let loginEnd { logger.notice("what runs there ends \(loginEnd.name)") }
            }
        }
    }
}
