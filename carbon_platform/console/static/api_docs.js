// Swagger UI from our own files; the validator badge would ask a foreign host, so it is off.
const holder = document.getElementById('api');
window.SwaggerUIBundle({ url: holder.dataset.url, domNode: holder, validatorUrl: null, deepLinking: true, docExpansion: 'list', defaultModelsExpandDepth: 0 });
