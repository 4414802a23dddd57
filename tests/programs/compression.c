// compression: generated data through zlib and Zstandard and back, at several levels; Zstandard also with threads.
// Prints sizes and checksums.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { size_bytes = 600 * 1000, chunk_bytes = 4096 };

static unsigned char* data;
static unsigned char* back;

static void expect(int holds, const char* what) {
    if (holds) return;
    printf("FAILED: %s\n", what);
    exit(1);
}

// Words, numbers and noise, in turn.
static void generate(void) {
    static const char* const words[] = {"frame", "page", "table", "fault", "swap", "buddy", "kernel", "mapping"};
    uint32_t random = 1;
    size_t at = 0;
    while (at + 64 < size_bytes) {
        random = random * 1664525 + 1013904223;
        const uint32_t choice = random >> 24;
        if (choice < 200) {
            at += (size_t)sprintf((char*)data + at, "%s %u ", words[choice % 8], (unsigned)(at / 1000));
        } else {
            for (int i = 0; i < 8; ++i) data[at++] = (unsigned char)((random *= 69069) >> 20);
        }
    }
    memset(data + at, 0, size_bytes - at);
}

static void with_zlib(int level) {
    uLongf packed_bytes = compressBound(size_bytes), back_bytes = size_bytes;
    unsigned char* packed = malloc(packed_bytes);
    expect(compress2(packed, &packed_bytes, data, size_bytes, level) == Z_OK, "compress2");
    memset(back, 0, size_bytes);
    expect(uncompress(back, &back_bytes, packed, packed_bytes) == Z_OK, "uncompress");
    expect(back_bytes == size_bytes && memcmp(data, back, size_bytes) == 0, "zlib: the same data");
    printf("zlib %d: %lu bytes, crc32 %08lx, adler32 %08lx\n", level, packed_bytes,
           crc32(0, packed, (uInt)packed_bytes), adler32(1, back, size_bytes));
    packed[packed_bytes / 2] ^= 1;
    expect(uncompress(back, &back_bytes, packed, packed_bytes) != Z_OK, "zlib notices a changed byte");
    free(packed);
}

// A stream in small pieces through a temporary file.
static void gzip_file(void) {
    char name[] = "/tmp/compression.XXXXXX";
    expect(mkstemp(name) >= 0, "mkstemp");
    gzFile file = gzopen(name, "wb6");
    for (size_t at = 0; at < size_bytes; at += chunk_bytes) {
        const unsigned wanted = size_bytes - at < chunk_bytes ? (unsigned)(size_bytes - at) : chunk_bytes;
        expect(gzwrite(file, data + at, wanted) == (int)wanted, "gzwrite");
    }
    expect(gzclose(file) == Z_OK, "gzclose");
    file = gzopen(name, "rb");
    memset(back, 0, size_bytes);
    size_t done = 0;
    for (int got; (got = gzread(file, back + done, 1000)) > 0;) done += (size_t)got;
    expect(done == size_bytes && memcmp(data, back, size_bytes) == 0, "gzip: the same data");
    expect(gzclose(file) == Z_OK && remove(name) == 0, "the file is gone");
    printf("gzip file: crc32 %08lx\n", crc32(0, back, size_bytes));
}

static void with_zstd(int level) {
    const size_t bound = ZSTD_compressBound(size_bytes);
    unsigned char* packed = malloc(bound);
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    const size_t packed_bytes = ZSTD_compress2(context, packed, bound, data, size_bytes);
    expect(!ZSTD_isError(packed_bytes), "ZSTD_compress2");
    memset(back, 0, size_bytes);
    expect(ZSTD_decompress(back, size_bytes, packed, packed_bytes) == size_bytes, "ZSTD_decompress");
    expect(memcmp(data, back, size_bytes) == 0, "zstd: the same data");
    printf("zstd %d: %zu bytes, crc32 %08lx\n", level, packed_bytes, crc32(0, packed, (uInt)packed_bytes));
    packed[packed_bytes / 2] ^= 1;
    expect(ZSTD_isError(ZSTD_decompress(back, size_bytes, packed, packed_bytes)), "zstd notices a changed byte");
    ZSTD_freeCCtx(context);
    free(packed);
}

int main(void) {
    data = malloc(size_bytes);
    back = malloc(size_bytes);
    generate();
    printf("data: crc32 %08lx\n", crc32(0, data, size_bytes));
    with_zlib(1);
    with_zlib(6);
    gzip_file();
    with_zstd(1);
    with_zstd(5);
    with_zstd(12);
    return 0;
}
