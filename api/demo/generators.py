"""The generators of the demo: invented companies in real parks, clusters and craft villages.

A row has slug, name, trade, zone (a district for those outside of any), commune since 01/07/2025, pick-ups
in the half-year, kilograms of a typical load, and what is special. Within an area those come first whose
part in the story a small version must not lose; the two without pick-ups never report anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from api.demo.wastes import MEDICAL, OF_TRADE, Trade
from manifest.vocabulary import SiteKind


class Area(StrEnum):
    """The four groups of generators that the demo's proportions speak of (regulation 5.3)."""

    PARK = "park"
    CLUSTER = "cluster"
    VILLAGE = "craft_village"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A generator; ``agent`` is the party whose key signs for it, ``load_kg`` a typical consignment."""

    slug: str
    name: str
    area: Area
    trade: Trade
    zone: str
    commune: str
    pickups: int
    load_kg: int
    agent: str | None
    has_tax_code: bool
    declares_plan: bool

    @property
    def party(self) -> str:
        """The party's id."""
        return f"org:{self.slug}"

    @property
    def site(self) -> str:
        """The site's id."""
        return f"site:{self.slug}"

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its wastes, the heaviest first."""
        return OF_TRADE[self.trade]

    @property
    def medical(self) -> bool:
        """Whether its waste needs a carrier and a facility for medical waste."""
        return not set(self.codes).isdisjoint(MEDICAL)

    @property
    def site_kind(self) -> SiteKind:
        """What its site is."""
        if self.medical:
            return SiteKind.HOSPITAL
        kinds = {Area.VILLAGE: SiteKind.WORKSHOP, Area.SERVICE: SiteKind.OFFICE}
        return kinds.get(self.area, SiteKind.FACTORY)


_TABLES = {
    Area.PARK: """
ma-van-tri | Công ty TNHH Mạ chính xác Vân Trì Kim | plating | kcn-thang-long | 00493 | 9 | 4600
dt-hoa-tinh | Công ty TNHH Điện tử Hỏa Tinh Hà Nội | electronics | kcn-thang-long | 00493 | 9 | 4100
ck-phu-lo | Công ty CP Cơ khí ô tô Phù Lỗ Việt | mechanical | kcn-noi-bai | 00433 | 9 | 3900
son-quang-minh | Công ty TNHH Sơn công nghiệp Minh Lạc | painting | kcn-quang-minh-i | 08974 | 9 | 3300
vm-hoa-lac | Công ty CP Vi mạch Hòa Lạc Tâm Điểm | electronics | kcnc-hoa-lac | 09988 | 9 | 2800
in-phu-nghia | Công ty TNHH In bao bì Phú Nghĩa Cường | printing | kcn-phu-nghia | 10030 | 9 | 3400
ck-thach-that | Công ty TNHH Khuôn thép Tây Phương | mechanical | kcn-thach-that-quoc-oai | 10003 | 9 | 3600
ck-dai-xuyen | Công ty CP Linh kiện Nam Giẽ Tường | casting | kcn-ho-tro-nam-ha-noi | 10342 | 9 | 4300
dt-sai-dong | Công ty TNHH Bảng mạch Sài Đồng Phú Lợi | electronics | kcn-sai-dong-b | 00136 | 9 | 3100
qh-hoa-lac | Công ty CP Quang học Thạch Hòa Nguyệt | printing | kcnc-hoa-lac | 09988 | 9 | 2600
""",
    Area.CLUSTER: """
ma-thanh-thuy | Công ty TNHH Mạ kẽm Thanh Thùy Lợi | plating | ccn-thanh-thuy | 10144 | 8 | 2400
tc-tan-trieu | Công ty TNHH Tái chế nhựa Triều Lĩnh | recycling | ccn-lang-nghe-tan-trieu | 00643 | 8 | 1500
det-la-phu | Công ty TNHH Dệt kim La Phù Hạ | dyeing | ccn-la-phu | 09877 | 0 | 0
son-ngoc-hoi | Công ty CP Sơn gỗ Ngọc Hồi Bắc Sơn | painting | ccn-ngoc-hoi | 00679 | 8 | 1900
ck-phu-thi | Công ty TNHH Cơ khí Phú Thị Trường Thịnh | mechanical | ccn-phu-thi | 00565 | 8 | 2000
nhuom-tan-trieu | Công ty TNHH Nhuộm sợi Yên Xá Hồng | dyeing | ccn-lang-nghe-tan-trieu | 00364 | 8 | 1700
ck-quat-dong | Công ty TNHH Kết cấu thép Quất Lâm Động | mechanical | ccn-quat-dong | 10231 | 8 | 1800
in-lai-yen | Công ty CP In nhãn Lại Yên Tứ Quý | printing | ccn-lai-yen | 09871 | 8 | 1300
go-lien-ha | Công ty TNHH Nội thất Liên Hà Cổ Mộc | woodwork | ccn-lien-ha-dong-anh | 00475 | 8 | 1400
duc-binh-minh | Công ty TNHH Đúc nhôm Bình Minh Thanh Oai Vàng | casting | ccn-binh-minh | 10126 | 8 | 2200
go-dong-phuong-yen | Công ty CP Đồ gỗ Đông Phương Yên Mộc | woodwork | ccn-dong-phuong-yen | 10030 | 8 | 1500
may-ninh-hiep | Công ty TNHH In vải Ninh Hiệp Lụa Mới | dyeing | ccn-ninh-hiep | 00541 | 8 | 1600
bb-tan-trieu | Công ty TNHH Hạt nhựa Triều Đông Phát | recycling | ccn-lang-nghe-tan-trieu | 00316 | 8 | 1400
in-di-trach | Công ty TNHH Bao bì carton Di Trạch Nam | printing | ccn-di-trach | 09832 | 8 | 1300
""",
    Area.VILLAGE: """
htx-son-mai | Hợp tác xã Sơn mài Duyên Thái Mới | lacquer | ln-son-mai-duyen-thai | 10210 | 5 | 620
son-nang-ha | Cơ sở sơn mài Nắng Hạ | lacquer | ln-son-mai-duyen-thai | 10210 | 4 | 340 | agent htx-son-mai
moc-chan-ke | Cơ sở mộc Chân Kệ Cổ | woodwork | ln-moc-my-nghe-van-ha | 00475 | 0 | 0
duc-ngu-xa | Cơ sở đúc đồng Lò Đông Trúc Bạch | casting | ln-duc-dong-ngu-xa | 00004 | 4 | 430
moc-thu-lo | Xưởng mộc Thù Lỗ Hạ | woodwork | ln-do-go-my-nghe-thon-thu-lo | 00475 | 4 | 380 | no-tax-code
gom-bat-trang | Công ty TNHH Gốm Men Lam Bồ Bát | ceramics | ln-gom-su-bat-trang | 00577 | 4 | 520
lua-van-phuc | Cơ sở nhuộm lụa Cầu Am | dyeing | ln-det-lua-van-phuc | 09556 | 4 | 450
nhua-trieu-khuc | Cơ sở tái chế nhựa Đình Triều | recycling | ln-trieu-khuc | 00643 | 4 | 560
tuong-son-dong | Cơ sở tạc tượng Thượng Ngộ | lacquer | ln-son-tac-tuong-son-dong | 09871 | 4 | 370 | no-plan
moc-van-ha | Cơ sở mộc mỹ nghệ Thiết Úng Xưa | woodwork | ln-moc-my-nghe-van-ha | 00475 | 4 | 400
quy-kieu-ky | Cơ sở dát quỳ Ánh Kiêu | lacquer | ln-dat-quy-vang-bac-kieu-ky | 00565 | 4 | 240 | no-plan
kham-boi-khe | Cơ sở khảm trai Bối Khê Đá | lacquer | ln-kham-trai-son-mai-thon-boi-khe | 10330 | 4 | 350
tien-nhi-khe | Cơ sở tiện gỗ Nhị Khê Trục | woodwork | ln-tien-nhi-khe | 10183 | 4 | 310 | no-plan
moc-van-an | Cơ sở mộc Vạn An Đoài | woodwork | ln-moc-van-an | 09616 | 4 | 330
son-my-van | Cơ sở sơn khảm Mỹ Văn Trai | lacquer | ln-son-kham-thon-my-van | 10330 | 3 | 300 | no-plan
ck-thuy-hoi | Cơ sở cơ khí Thúy Hội Rèn | mechanical | ln-co-khi-thon-thuy-hoi | 09817 | 4 | 540
in-la-noi | Cơ sở in hoa La Nội Cúc | dyeing | ln-det-in-hoa-la-noi | 00637 | 4 | 420
moc-an-dinh | Cơ sở mộc An Định Chạm | woodwork | ln-moc-my-nghe-an-dinh | 10273 | 4 | 320 | no-plan
""",
    Area.SERVICE: """
bv-dong-da | Bệnh viện Đa khoa Hồ Ba Mẫu An Khang | hospital | 006 | 00229 | 10 | 1750
gara-long-bien | Công ty TNHH Dịch vụ ô tô Cầu Chui Thành Đạt | garage | 004 | 00127 | 9 | 1600
bv-ha-dong | Bệnh viện Tư nhân Hà Cầu Tâm Phúc | hospital | 268 | 09556 | 10 | 1450
pn-cau-giay | Viện Thí nghiệm Phân tích Dịch Vọng Xanh | laboratory | 005 | 00160 | 9 | 1500
""",
}


def _read(area: Area, row: str) -> Generator:
    slug, name, trade, zone, commune, pickups, load_kg, *rest = (cell.strip() for cell in row.split("|"))
    special = rest[0] if rest else ""
    agent = special.removeprefix("agent ") if special.startswith("agent ") else None
    return Generator(
        slug=slug,
        name=name,
        area=area,
        trade=Trade(trade),
        zone=zone,
        commune=commune,
        pickups=int(pickups),
        load_kg=int(load_kg),
        agent=f"org:{agent}" if agent else None,
        has_tax_code="no-tax-code" not in special,
        declares_plan="no-plan" not in special and pickups != "0",
    )


GENERATORS = tuple(_read(area, row) for area, table in _TABLES.items() for row in table.strip().splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSite:
    """What a generator treats on its own site, so many kilograms a month, with a permit or without."""

    slug: str
    code: str
    methods: tuple[str, ...]
    monthly_kg: int
    permit: str | None


TREATED_ON_SITE = (
    OnSite(slug="ma-van-tri", code="07 01 06", methods=("TH",), monthly_kg=600, permit="permit:ma-van-tri"),
    OnSite(slug="duc-ngu-xa", code="18 02 01", methods=("TĐ",), monthly_kg=45, permit=None),
)


def generators(scale: float) -> Iterator[Generator]:
    """Yield the generators of a smaller version: of every area five at least, where it has so many."""
    for area in Area:
        members = [generator for generator in GENERATORS if generator.area is area]
        yield from members[: max(5, round(len(members) * scale))]
