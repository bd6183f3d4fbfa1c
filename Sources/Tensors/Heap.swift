internal import CKernels

/// The memory that small objects of the process come from.
public enum Heap {
    /// Gives back to the system what is free in it: after work that needed much for a moment, such as opening models. A few
    /// milliseconds; any thread.
    public static func trim() { ck_heap_trim() }
}
