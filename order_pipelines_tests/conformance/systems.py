"""Every outside system that has a stand-in: one row each."""

from order_pipelines_tests.conformance.bol_system import BOL
from order_pipelines_tests.conformance.exact_system import EXACT
from order_pipelines_tests.conformance.mirakl_system import MIRAKL
from order_pipelines_tests.conformance.shopware_system import SHOPWARE

SYSTEMS = (BOL, EXACT, MIRAKL, SHOPWARE)
BY_NAME = {system.name: system for system in SYSTEMS}
