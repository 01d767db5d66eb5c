"""The names of the permissions that the registry asks for, in one place. Pure."""

from typing import Final

ADD_MODEL: Final = "modelregistry.add_registeredmodel"
VIEW_MODEL: Final = "modelregistry.view_registeredmodel"
CHANGE_MODEL: Final = "modelregistry.change_registeredmodel"
VIEW_ALL_MODELS: Final = "modelregistry.view_all_models"
"""Models for groups that one is not in, too."""
ARCHIVE_MODEL: Final = "modelregistry.delete_registeredmodel"
RETRAIN_MODEL: Final = "modelregistry.retrain_registeredmodel"
LOADTEST_MODEL: Final = "modelregistry.loadtest_registeredmodel"
HAND_IN: Final = "modelregistry.add_modelversion"
VIEW_VERSION: Final = "modelregistry.view_modelversion"
"""Also what is in it: its rows, and the .skops file that was handed in. A file handed in as ONNX is
its ONNX form, and open to whoever may ask the model.
"""
VIEW_HISTORY: Final = "modelregistry.view_aliaschange"
CONVERT: Final = "modelregistry.convert_modelversion"
PROMOTE: Final = "modelregistry.promote_modelversion"
