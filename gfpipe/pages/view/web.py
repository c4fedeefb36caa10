"""HTTP routes of the page on which an archive is viewed. Access control is elsewhere.

GET  /  /trend  /faces  /programme                       the views; the filter stands in the address
GET  /programme/ID                                       one recording, with ?sample=N at a sample
GET  /trend/figures  /trend.csv                          figures with intervals, which take longer
GET  /recordings/ID/samples.json                         its samples
GET  /recordings/ID/frames/N.json  …/N.jpg               faces and frame of a sample
GET  /recordings/ID/faces/N/M.jpg                        a face
GET  /recordings/ID/file                                 the media file, in byte ranges
POST /marks                                              puts a face on the queue of marked faces
"""

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gfpipe.errors import GfpipeError, UsageError
from gfpipe.output import formats, names
from gfpipe.pages.pictures.detections import Detections
from gfpipe.pages.pictures.images import ImageCache
from gfpipe.pages.server import files
from gfpipe.pages.view import archive, faces, programme, trend
from gfpipe.pages.view.exclusions import Exclusions
from gfpipe.pages.view.figures import Figures, recording_of
from gfpipe.pages.view.filters import Filter
from gfpipe.pages.view.marks import QUEUE, Marks

_STATIC: Final = ("view.css", "view.js", "programme.js", "faces.js")
_VIEWS: Final = {"/": "Archive", "/trend": "Trend", "/programme": "Programme", "/faces": "Faces"}
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass
class Views:
    """What the views read and write.

    Attributes:
        change_key: required in every change; see `gfpipe.pages.server.access`.
    """

    lake: str
    figures: Figures
    detections: Detections
    images: ImageCache
    exclusions: Exclusions
    marks: Marks
    change_key: str = ""


def application(views: Views) -> Starlette:
    """Return the application of one lake."""
    recording = "/recordings/{recording_id}"
    endpoints: Mapping[str, Callable[[Views, Request], Response]] = {
        "/": _archive,
        "/trend": _trend,
        "/trend/figures": _trend_figures,
        "/trend.csv": _trend_csv,
        "/faces": _faces,
        "/programme": _first_programme,
        "/programme/{recording_id}": _programme,
        f"{recording}/samples.json": _samples,
        f"{recording}/frames/{{sample:number}}.json": _frame_faces,
        f"{recording}/frames/{{sample:number}}.jpg": _frame,
        f"{recording}/faces/{{sample:number}}/{{face:number}}.jpg": _face,
        f"{recording}/file": _file,
    }

    async def mark(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_mark, views, await files.body(request)))

    return Starlette(
        routes=[
            *files.static(__package__, _STATIC),
            *(Route(path, partial(endpoint, views), methods=["GET"]) for path, endpoint in endpoints.items()),
            Route("/marks", mark, methods=["POST"]),
        ],
        exception_handlers={**files.HANDLERS, GfpipeError: partial(_problem, views)},
    )


def _archive(views: Views, request: Request) -> Response:
    given = Filter.parse(request.query_params)
    colouring = request.query_params.get("colour") or archive.COVERAGE
    if colouring not in archive.COLOURINGS:
        raise UsageError(f"colour={colouring}: choose from {', '.join(archive.COLOURINGS)}")
    skip = _integer(request, "skip")
    return _page(
        views,
        request,
        "archive",
        calendar=archive.calendar(views.figures, given, colouring),
        recordings=archive.recordings(views.figures, given, skip),
        skip=skip,
        page=archive.PAGE,
        colouring=colouring,
        colourings=archive.COLOURINGS,
        legend=archive.LEGENDS[colouring],
    )


def _trend(views: Views, request: Request) -> Response:
    return _page(views, request, "trend", **_shares(views, request, measured=False))


def _trend_figures(views: Views, request: Request) -> Response:
    return _page(views, request, "figures", **_shares(views, request, measured=True))


def _shares(views: Views, request: Request, *, measured: bool) -> dict[str, Any]:
    given, by = Filter.parse(request.query_params), _grouping(request)
    period = trend.period(views.figures, given)
    over_time, timed = trend.rows(views.figures, given, period, measured)
    groups, compared = trend.rows(views.figures, given, by, measured)
    bars, others = trend.bars(groups, by, given)
    return {
        "trend": trend.trend(over_time, period, given),
        "bars": bars,
        "others": others,
        "by": by,
        "period": period,
        "groupings": trend.GROUPINGS,
        "width": trend.WIDTH,
        "height": trend.HEIGHT,
        "has_intervals": timed and compared,
        "sql": {column: trend.sql(given, column, views.figures) for column in (period, by)},
        "commands": {column: trend.command(views.lake, given, column) for column in (period, by)},
    }


def _trend_csv(views: Views, request: Request) -> Response:
    given = Filter.parse(request.query_params)
    by = request.query_params.get("by", "")
    if by not in (*trend.GROUPINGS, "date", "week", "month"):
        raise UsageError(f"by={by}: choose from {', '.join(trend.GROUPINGS)}")
    found, _ = trend.rows(views.figures, given, by, measured=True)
    headers = {"content-disposition": f'attachment; filename="share-by-{by}.csv"'}
    return Response(trend.csv(found), media_type="text/csv", headers=headers)


def _faces(views: Views, request: Request) -> Response:
    given, selection = Filter.parse(request.query_params), faces.Selection.parse(request.query_params)
    return _page(
        views,
        request,
        "faces",
        sheet=faces.draw(views.figures, given, selection),
        selection=selection,
        choices_of=faces.CHOICES,
        readings=faces.READINGS,
        people=faces.PEOPLE,
        queue=QUEUE,
    )


def _first_programme(views: Views, request: Request) -> Response:
    given = Filter.parse(request.query_params)
    listed = archive.recordings(views.figures, given, 0)
    shown = next((row for row in listed if row["analysed_seconds"]), None)
    if shown is None:
        raise UsageError("no recording that passes this filter was analysed")
    return RedirectResponse(given.address(f"/programme/{shown['recording_id']}"), 303)


def _programme(views: Views, request: Request) -> Response:
    shown = _shown(views, request)
    index = min(_integer(request, "sample"), max(0, len(shown.samples) - 1))
    return _page(
        views,
        request,
        "programme",
        shown=shown,
        recording=recording_of(shown.row),
        strip=programme.strip(shown, views.lake, views.exclusions),
        kinds=programme.KINDS,
        sample=index,
        queue=QUEUE,
    )


def _samples(views: Views, request: Request) -> Response:
    shown = _shown(views, request)
    return JSONResponse(
        [
            [row["seconds"], row["step_seconds"], programme.kind(row), row["shot"], bool(row["elsewhere"])]
            for row in shown.samples
        ]
    )


def _frame_faces(views: Views, request: Request) -> Response:
    undecided = views.figures.choices()["undecided"]
    found = programme.faces(_shown(views, request), request.path_params["sample"], views.detections, undecided)
    return JSONResponse(found)


def _frame(views: Views, request: Request) -> Response:
    frames = _shown(views, request).frames(request.path_params["sample"])
    views.images.prepare(frames)
    return Response(views.images.image(frames[0]).jpeg, media_type="image/jpeg")


def _face(views: Views, request: Request) -> Response:
    sample, face = request.path_params["sample"], request.path_params["face"]
    found = programme.face_at(_shown(views, request), sample, face, views.detections)
    return Response(views.images.image(found).jpeg, media_type="image/jpeg")


def _file(views: Views, request: Request) -> Response:
    path = programme.media(_shown(views, request), views.detections)
    return FileResponse(path, media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream")


def _mark(views: Views, body: Mapping[str, Any]) -> dict[str, Any]:
    sample, face = body.get("sample"), body.get("face")
    if not isinstance(sample, int) or not isinstance(face, int):
        raise UsageError("sample and face must be numbers")
    shown = _by_id(views, str(body.get("recording")))
    return {"queue": QUEUE, "faces": views.marks.add(programme.face_at(shown, sample, face, views.detections))}


def _shown(views: Views, request: Request) -> programme.Programme:
    return _by_id(views, request.path_params["recording_id"])


def _by_id(views: Views, recording_id: str) -> programme.Programme:
    return programme.programme(views.figures, recording_id)


def _grouping(request: Request) -> str:
    default = "programme" if request.query_params.get("channel") else "channel"
    by = request.query_params.get("by") or default
    if by not in trend.GROUPINGS:
        raise UsageError(f"by={by}: choose from {', '.join(trend.GROUPINGS)}")
    return by


def _integer(request: Request, name: str) -> int:
    text = request.query_params.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{name}={text}: is not a number")
    return int(text)


def _page(views: Views, request: Request, template: str, status: int = 200, **content: Any) -> Response:
    given = Filter.parse(request.query_params) if status == 200 else Filter()
    path = request.url.path
    html = (
        _templates()
        .get_template(f"{template}.html.jinja")
        .render(
            views=_VIEWS,
            current=next((view for view in reversed(_VIEWS) if path.startswith(view)), "/"),
            path=path,
            given=given,
            choices=views.figures.choices(),
            genres=views.figures.genres,
            weekdays=_WEEKDAYS,
            lake=views.lake,
            change_key=views.change_key,
            **content,
        )
    )
    return HTMLResponse(html, status)


def _problem(views: Views, request: Request, exc: Exception) -> Response:
    """An error as a page, or as JSON for the page's script."""
    path, status = request.url.path, files.status_of(exc)
    if path.startswith("/recordings/") or request.method != "GET":
        return files.problem(request, exc)
    return _page(views, request, "problem", status, problem=str(exc))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gfpipe.pages.view"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "line": names.line,
        "clock": formats.clock,
        "percent": formats.PERCENT.text,
        "hours": lambda seconds: formats.HOURS.text(seconds / 3600),
        "counted": formats.counted,
    }
    return environment
