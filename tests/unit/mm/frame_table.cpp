#include "mm/frame_table.hpp"

#include "mm/anon_vma.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using test::asserts;

TEST_CASE("frame table: a frame is free until it is used, and again after its last reference") {
    FrameTable table(PageCount(8));
    CHECK(table.page_count() == PageCount(8));
    CHECK(table[Pfn(3)].state == FrameState::free);

    table.mark_used(Pfn(3), FrameState::anonymous);
    CHECK(table[Pfn(3)].state == FrameState::anonymous);
    CHECK(table[Pfn(3)].reference_count == 1);
    CHECK(table[Pfn(3)].map_count == 0);

    table.add_reference(Pfn(3));
    CHECK(table.drop_reference(Pfn(3)) == 1);
    CHECK(table[Pfn(3)].state == FrameState::anonymous);
    CHECK(table.drop_reference(Pfn(3)) == 0);
    CHECK(table[Pfn(3)].state == FrameState::free);
}

TEST_CASE("frame table: all that is known of a frame moves to another") {
    FrameTable table(PageCount(8));
    table.mark_used(Pfn(2), FrameState::anonymous);
    table.set_dirty(Pfn(2), true);
    table.set_page(Pfn(2), 4);
    table.add_reference(Pfn(2));
    table.move(Pfn(2), Pfn(5));
    CHECK(table[Pfn(2)].state == FrameState::free);
    CHECK(table[Pfn(2)].reference_count == 0);
    CHECK(table[Pfn(5)].state == FrameState::anonymous);
    CHECK(table[Pfn(5)].dirty);
    CHECK(table[Pfn(5)].page == 5);
    CHECK(table[Pfn(5)].reference_count == 2);
    table.mark_used(Pfn(2), FrameState::anonymous);
    CHECK(asserts([&] { table.move(Pfn(2), Pfn(5)); }));
    CHECK(asserts([&] { table.move(Pfn(3), Pfn(4)); }));
}

TEST_CASE("frame table: the anchor is kept while the frame is used and forgotten for the next user") {
    FrameTable table(PageCount(8));
    table.mark_used(Pfn(2), FrameState::anonymous);
    AnonVma family;
    table.set_anchor(Pfn(2), RmapAnchor::of(family, 77));
    CHECK(table[Pfn(2)].anchor.owner() == &family);
    CHECK(table[Pfn(2)].anchor.index() == 77);
    table.drop_reference(Pfn(2));
    table.mark_used(Pfn(2), FrameState::anonymous);
    CHECK(table[Pfn(2)].anchor.owner() == nullptr);
    CHECK(table[Pfn(2)].anchor.index() == 0);
}

TEST_CASE("frame table: mappings are counted, never beyond the references") {
    FrameTable table(PageCount(8));
    table.mark_used(Pfn(1), FrameState::file_cache);
    table.add_mapping(Pfn(1), nullptr);
    CHECK(table[Pfn(1)].map_count == 1);
    CHECK(asserts([&] { table.add_mapping(Pfn(1), nullptr); }));
    CHECK(asserts([&] { table.drop_reference(Pfn(1)); }));
    table.drop_mapping(Pfn(1));
    CHECK(asserts([&] { table.drop_mapping(Pfn(1)); }));
    CHECK(table.drop_reference(Pfn(1)) == 0);
}

TEST_CASE("frame table: what would corrupt it is caught") {
    FrameTable table(PageCount(8));
    CHECK(asserts([&] { (void)table[Pfn(8)]; }));
    CHECK(asserts([&] { table.drop_reference(Pfn(1)); }));
    CHECK(asserts([&] { table.add_reference(Pfn(1)); }));
    CHECK(asserts([&] { table.mark_used(Pfn(1), FrameState::free); }));
    table.mark_used(Pfn(1), FrameState::page_table);
    CHECK(asserts([&] { table.mark_used(Pfn(1), FrameState::anonymous); }));
    CHECK(asserts([&] { table.add_mapping(Pfn(1), nullptr); }));  // a table is no user page
    CHECK(asserts([&] { table.link_free_head(Pfn(1), 0, 0); }));
    table.link_free_head(Pfn(2), 1, 0);
    CHECK(asserts([&] { table.mark_used(Pfn(2), FrameState::anonymous); }));
}

TEST_CASE("frame table: free blocks are linked both ways") {
    FrameTable table(PageCount(8));
    table.link_free_head(Pfn(1), 0, 0);
    table.link_free_head(Pfn(5), 0, 1);
    table.link_free_head(Pfn(7), 0, 5);
    CHECK(table[Pfn(7)].list_next == 5);
    CHECK(table[Pfn(5)].list_prev == 7);
    table.unlink_free_head(Pfn(5));
    CHECK(table[Pfn(7)].list_next == 1);
    CHECK(table[Pfn(1)].list_prev == 7);
    CHECK_FALSE(table[Pfn(5)].heads_free_block);
}

}  // namespace fl::mm
