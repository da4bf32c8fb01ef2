"""Why a change of a scene is refused."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class SceneStateWrong(PlatformError):
    code, status = "scene.state_wrong", 409
    zh = "场景“{scene}”现在{state}，不能这样改。可以改为：{possible}。"
    en = "Scene {scene_en} is {state_en}; that change is not possible. Possible: {possible_en}."


class SceneNotReady(PlatformError):
    code, status = "scene.not_ready", 409
    zh = "场景“{scene}”还不能进入这一步：{reason}。"
    en = "Scene {scene_en} is not ready for this step: {reason_en}."


class SceneChangeOpen(PlatformError):
    code, status = "scene.change_open", 409
    zh = "场景“{scene}”已有一项变更在等第二人决定，请先决定那一项。"
    en = "A change of scene {scene_en} waits for a second person; decide on that one first."


class SceneSecondPerson(PlatformError):
    code, status = "scene.second_person", 403
    zh = "这项变更是您自己提的，须由另一人决定。"
    en = "You proposed this change yourself; somebody else has to decide on it."


class SceneTermsInvalid(PlatformError):
    code, status = "scene.terms_invalid", 422
    zh = "场景条款有误：{reason}。"
    en = "The terms of the scene are wrong: {reason_en}."


class SceneTaken(PlatformError):
    code, status = "scene.code_taken", 409
    zh = "场景代码 {code} 已有人用，请换一个。"
    en = "The scene code {code} is taken; choose another one."
