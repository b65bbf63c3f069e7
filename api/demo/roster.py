"""The authorities, facilities and carriers of the demo: invented, as are their permits and number plates.

Two of the facilities lie outside Hà Nội, and the permit of one is its own word, not yet confirmed.
"""

from dataclasses import dataclass

from api.demo.wastes import MEDICAL, WASTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """A treatment facility with its permit; ``district`` and ``commune`` are None outside Hà Nội."""

    slug: str
    name: str
    methods: frozenset[str]
    issuer: str
    province: str
    address: str
    district: str | None = None
    commune: str | None = None
    medical: bool = False
    confirmed: bool = True
    plates: tuple[str, ...] = ()

    @property
    def party(self) -> str:
        """The party's id."""
        return f"org:{self.slug}"

    @property
    def site(self) -> str:
        """The site's id."""
        return f"site:{self.slug}"

    @property
    def permit(self) -> str:
        """The permit's id."""
        return f"permit:{self.slug}"

    def methods_for(self, code: str) -> tuple[str, ...]:
        """Return the final methods that the facility has for a code; none when it may not take it."""
        if code in MEDICAL and not self.medical:
            return ()
        return tuple(method for method in WASTES[code].methods if method in self.methods)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A holder of a permit to carry only, linked with facilities by approvals."""

    slug: str
    name: str
    facilities: tuple[str, ...]
    plates: tuple[str, ...]
    medical: bool = False

    @property
    def party(self) -> str:
        """The party's id."""
        return f"org:{self.slug}"

    @property
    def permit(self) -> str:
        """The permit's id."""
        return f"permit:{self.slug}"

    def approval(self, facility: str) -> str:
        """Return the id of the approved linkage with a facility."""
        return f"approval:{self.slug}:{facility}"

    @property
    def codes(self) -> tuple[str, ...]:
        """What it may carry."""
        return tuple(code for code in WASTES if self.medical or code not in MEDICAL)


DEPARTMENT = "org:so-nnmt"
DEPARTMENT_NAME = "Sở Nông nghiệp và Môi trường Hà Nội (dữ liệu minh họa)"
PARK_BOARD = "org:ban-quan-ly-kcn"
PARK_BOARD_NAME = "Ban Quản lý các khu công nghệ cao và khu công nghiệp Hà Nội (dữ liệu minh họa)"

FACILITIES = (
    Facility(
        slug="xl-soc-xanh", name="Công ty CP Xử lý chất thải Sóc Xanh Nguyên", issuer="1-2-9.901.VX",
        methods=frozenset({"TĐ", "HR", "TC", "TH", "OH"}), province="Thành phố Hà Nội", district="016",
        commune="00385", address="Khu xử lý chất thải, Huyện Sóc Sơn, Hà Nội", medical=True,
        plates=("29C-901.11", "29C-901.12", "29H-901.13"),
    ),
    Facility(
        slug="xl-dai-xuyen", name="Công ty TNHH Tái chế và Xử lý Đại Xuyên Lam", issuer="1-2-9.902.VX",
        methods=frozenset({"TĐ", "HR", "TC", "TH"}), province="Thành phố Hà Nội", district="280",
        commune="10342", address="Lô XL-2, Huyện Phú Xuyên, Hà Nội", plates=("29C-902.21", "30H-902.22"),
    ),
    Facility(
        slug="xl-pho-noi", name="Công ty CP Môi trường Phố Hiến Việt Lục", issuer="5-6-9.903.VX",
        methods=frozenset({"TĐ", "ĐX", "HR", "TC", "TH", "OH"}), province="Tỉnh Hưng Yên",
        address="Khu xử lý chất thải tập trung, Tỉnh Hưng Yên", plates=("89C-903.31", "89C-903.32"),
    ),
    Facility(
        slug="xl-kinh-bac", name="Công ty TNHH Xử lý môi trường Kinh Bắc Thủy Mộc", issuer="3-4-9.904.VX",
        methods=frozenset({"TĐ", "HR", "TC", "TH", "CL"}), province="Tỉnh Bắc Ninh", confirmed=False,
        address="Cụm xử lý chất thải, Tỉnh Bắc Ninh", plates=("99C-904.41", "99H-904.42"),
    ),
)  # fmt: skip

CARRIERS = (
    Carrier(slug="vc-song-nhue", name="Công ty TNHH Vận tải môi trường Sông Nhuệ Sạch",
            facilities=("xl-soc-xanh", "xl-dai-xuyen"), plates=("29C-911.01", "29C-911.02", "29H-911.03")),
    Carrier(slug="vc-thang-long-xe", name="Công ty CP Vận chuyển Long Biên Chuyến Xanh",
            facilities=("xl-soc-xanh", "xl-pho-noi"), plates=("30H-912.04", "29C-912.05")),
    Carrier(slug="vc-tay-ho-tay", name="Công ty TNHH Vận tải chuyên dụng Tản Viên Mây",
            facilities=("xl-dai-xuyen", "xl-pho-noi"), plates=("29C-913.06", "29D-913.07")),
    Carrier(slug="vc-dai-duong-bac", name="Công ty CP Logistics xanh Ngũ Huyện Khê",
            facilities=("xl-kinh-bac", "xl-soc-xanh"), plates=("99C-914.08", "99C-914.09")),
    Carrier(slug="vc-hoa-sen-trang", name="Công ty TNHH Thu gom công nghiệp Sen Hồ Nam",
            facilities=("xl-kinh-bac", "xl-dai-xuyen"), plates=("29C-915.10", "29H-915.11")),
    Carrier(slug="vc-y-te-an-lanh", name="Công ty TNHH Vận chuyển chất thải y tế An Lành Thủ Đô",
            facilities=("xl-soc-xanh",), plates=("29D-916.12", "29D-916.13"), medical=True),
)  # fmt: skip


def facility_of(slug: str) -> Facility:
    """Return a facility by its slug."""
    return next(facility for facility in FACILITIES if facility.slug == slug)
