internal import Glibc

/// The system's clock.
public enum UnixClock {
    @Sendable public static func seconds() -> Int { time(nil) }
}
