// stack-depth [FRAMES]: the stack grows by itself, a page at a time, as recursion reaches below what is mapped. The
// pages stay when the recursion returns: going down a second time takes no fault.
#include <string.h>

#include "guest.h"

enum { frame_size = 1024 };

static uintptr_t deepest;

__attribute__((noinline)) static int descend(int frames) {
    volatile char frame[frame_size];
    frame[0] = (char)frames;
    frame[frame_size - 1] = (char)(frames >> 8);
    if ((uintptr_t)frame < deepest) deepest = (uintptr_t)frame;
    int below = frames > 1 ? descend(frames - 1) : 0;
    CHECK(frame[0] == (char)frames && frame[frame_size - 1] == (char)(frames >> 8));
    return below + 1;
}

int main(int count, char** arguments) {
    int frames = count > 1 ? atoi(arguments[1]) : 1024;
    CHECK(frames > 0);
    char here;
    deepest = (uintptr_t)&here;

    long before = minor_faults();
    CHECK(descend(frames) == frames);
    long faults = minor_faults() - before;

    uintptr_t depth = (uintptr_t)&here - deepest;
    long pages = (long)((page_of(&here) - page_of((void*)deepest)) / page_size);
    say("%d frames, %zu bytes deep", frames, (size_t)depth);
    CHECK(depth >= (uintptr_t)frames * frame_size);

    // Execution has left some pages below the first frame, the C library's start used a few of them, and the last call
    // may reach into one more.
    say("about one fault for each page of stack: %s", faults <= pages + 1 && faults >= pages - 64 ? "yes" : "no");
    CHECK(faults <= pages + 1 && faults >= pages - 64);

    before = minor_faults();
    CHECK(descend(frames) == frames);
    faults = minor_faults() - before;
    say("the same way again: %ld faults", faults);
    CHECK(faults == 0);
    return 0;
}
